/** What a sweep says of itself. */
import type { Overview } from './data'

export interface Sweep {
  method: string
  metric: string
  /** How many trials there are to be. */
  cap: number
  /** The id of its best trial; '' if there is none. */
  best: string
  /** What varies, and the metric at the end. */
  columns: string[]
  /** Whether less is better. */
  falls: boolean
  /** The best first. */
  sort: string
}

/** What `pegboard sweep` says of its run; undefined for others. */
export function sweepOf({ tags }: Pick<Overview, 'tags'>): Sweep | undefined {
  const of = (key: string) => tags[`pegboard.sweep.${key}`] ?? ''
  if (!of('method')) return undefined
  let names: unknown = []
  try {
    names = JSON.parse(of('parameters'))
  } catch {
    // Somebody changed the tag, or it was too long: the metric is shown alone.
  }
  const metric = of('metric')
  const falls = of('goal') !== 'maximize'
  const varying = Array.isArray(names) ? names.map((name) => `params.${name}`) : []
  return {
    method: of('method'), metric, cap: Number(of('run_cap')) || 0, best: of('best_run'), falls,
    columns: metric ? [...varying, `metrics.${metric}`] : varying,
    sort: metric ? `${falls ? '' : '-'}metrics.${metric}` : 'attributes.start_time',
  }
}
