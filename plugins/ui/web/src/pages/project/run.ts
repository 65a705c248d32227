import type { Num } from '../../core/num'

/** A run as MLflow's API tells it. */
export interface RunAnswer {
  run: {
    info: { run_id: string; run_name: string; status: string; experiment_id: string; start_time: number; end_time?: number }
    data: { metrics?: { key: string; value: Num }[]; tags?: { key: string; value: string }[] }
  }
}

export const tagOf = (answer: RunAnswer | undefined, key: string): string | undefined => answer?.run.data.tags?.find((tag) => tag.key === key)?.value
