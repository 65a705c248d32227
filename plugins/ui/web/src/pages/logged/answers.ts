/** Logged models, as MLflow's protocol has them. */
import type { Num } from '../../core/api'

export interface Pair<T = string> {
  key: string
  value: T
}

export interface Metric extends Pair<Num> {
  step: number | string
  timestamp: number | string
  dataset_name?: string
  dataset_digest?: string
}

export interface LoggedModel {
  info: {
    model_id: string
    experiment_id: string
    name: string
    creation_timestamp_ms: number | string
    last_updated_timestamp_ms: number | string
    artifact_uri: string
    status: string
    status_message?: string
    model_type: string
    source_run_id: string
    tags?: Pair[]
  }
  data: { params?: Pair[]; metrics?: Metric[] }
}

/** 'ready' of 'LOGGED_MODEL_READY'. */
export const statusOf = (status: string): string => status.replace(/^LOGGED_MODEL_/, '').replace(/_/g, ' ').toLowerCase()

/** The shape of a peg that says the same. */
export const shapeOfStatus = (status: string): string => ({ LOGGED_MODEL_PENDING: 'RUNNING', LOGGED_MODEL_UPLOAD_FAILED: 'FAILED' })[status] ?? 'FINISHED'

/** The last value of each metric, with the data that it was measured on. */
export function lastMetrics(metrics: readonly Metric[] = []): Metric[] {
  const last = new Map<string, Metric>()
  const order = (metric: Metric) => Number(metric.timestamp) * 1e6 + Number(metric.step)
  for (const metric of metrics) {
    const key = `${metric.key}\n${metric.dataset_name ?? ''}\n${metric.dataset_digest ?? ''}`
    const known = last.get(key)
    if (!known || order(metric) >= order(known)) last.set(key, metric)
  }
  return [...last.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
