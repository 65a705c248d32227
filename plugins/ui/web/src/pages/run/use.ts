/** What the page of a run asks the server, and follows while the run lives. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { fetchRaw, get, type Num, num, post } from '../../core/api'
import { useEvents } from '../../core/events'
import { type Resource, useResource } from '../../core/resource'
import { isLive, isSystem, type MetricTold, type Overview } from './data'

const LEAST_WAIT = 250

export interface Run extends Resource<Overview> {
  /** Counts up with each change that was seen. */
  turn: number
}

/** The run, asked again as it changes: never while an answer is on its way, never faster than it comes. */
export function useRun(id: string): Run {
  const found = useResource<Overview>('runs/overview', { run_id: id })
  const [turn, setTurn] = useState(0)
  const state = useRef({ dirty: false, began: 0, took: 0, timer: 0 })
  const ask = () => {
    const now = state.current
    if (found.loading || now.timer) {
      now.dirty = true
      return
    }
    now.dirty = false
    now.began = Date.now()
    found.reload()
    setTurn((n) => n + 1)
  }
  const latest = useRef(ask)
  latest.current = ask
  useEvents(`run:${id}`, (change) => {
    if (change.runs === null || change.runs.includes(id)) latest.current()
  })
  useEffect(() => {
    const now = state.current
    if (found.loading || !now.began) return
    const wait = Math.max(LEAST_WAIT, Date.now() - now.began)
    now.began = 0
    now.timer = window.setTimeout(() => {
      now.timer = 0
      if (now.dirty) latest.current()
    }, wait)
  }, [found.loading])
  useEffect(() => () => clearTimeout(state.current.timer), [])
  return { ...found, turn, reload: () => latest.current() }
}

export interface Stats {
  min: number | null
  max: number | null
  points: number
}

interface Series {
  series: { key: string; total: number; points: number; min: number | null; max: number | null }[]
}

/** Least, greatest and number of points of the metrics that are in sight. */
export function useStats(run: string, keys: readonly string[], turn: number): ReadonlyMap<string, Stats> {
  const [found, setFound] = useState<ReadonlyMap<string, Stats>>(new Map())
  const wanted = keys.join('\n')
  const seen = useRef(turn)
  useEffect(() => {
    const missing = seen.current === turn ? keys.filter((key) => !found.has(key)) : keys
    seen.current = turn
    if (!missing.length) return
    const abort = new AbortController()
    const timer = setTimeout(() => {
      get<Series>('metrics/series', { run_ids: [run], keys: missing.slice(0, 100), width: 2 }, abort.signal).then((answer) => {
        setFound((now) => {
          const next = new Map(now)
          for (const each of answer.series) next.set(each.key, { min: each.min, max: each.max, points: each.total })
          return next
        })
      }, () => undefined)
    }, 60)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [run, wanted, turn])
  return found
}

export interface Environment {
  python?: { version?: string; implementation?: string; executable?: string }
  platform?: { system?: string; release?: string; machine?: string; hostname?: string }
  cpu_count?: number | null
  memory_bytes?: number | null
  gpus?: { name?: string }[]
}

const environments = new Map<string, Environment>()

/** On what a run ran, as it noted itself in environment/environment.json. */
export function useEnvironment(run: Overview): Environment | undefined {
  const id = run.info.run_id
  const [found, setFound] = useState(environments.get(id))
  const has = run.artifacts.files.some((file) => file.is_dir && file.path === 'environment')
  useEffect(() => {
    setFound(environments.get(id))
    if (!has || environments.has(id)) return
    const abort = new AbortController()
    fetchRaw('artifacts/preview', { run_id: id, path: 'environment/environment.json' }, { signal: abort.signal })
      .then((answer) => answer.json() as Promise<Environment>)
      .then((read) => {
        if (typeof read !== 'object' || read === null) return
        environments.set(id, read)
        setFound(read)
      })
      .catch(() => undefined)
    return () => abort.abort()
  }, [id, has])
  return found
}

/** How many traces a run has; undefined until that is known. */
export function useTraceCount(run: Overview | undefined): string | undefined {
  const [found, setFound] = useState<string>()
  const id = run?.info.run_id
  useEffect(() => {
    setFound(undefined)
    if (!run) return
    searchTraces(run, 50).then((answer) => setFound(`${answer.traces.length}${answer.next_page_token ? '+' : ''}`), () => undefined)
  }, [id])
  return found
}

export interface TraceInfo {
  trace_id: string
  request_time: string
  execution_duration?: string
  state: string
  request_preview?: string
  response_preview?: string
  tags?: Record<string, string>
  trace_metadata?: Record<string, string>
}

interface Traces {
  traces: TraceInfo[]
  next_page_token?: string
}

export async function searchTraces(run: Overview, most: number, page?: string): Promise<Traces> {
  const answer = await post<Partial<Traces>>('/api/3.0/mlflow/traces/search', {
    locations: [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: run.info.experiment_id } }],
    filter: `attributes.run_id = '${run.info.run_id}'`, max_results: most, order_by: ['timestamp_ms DESC'], page_token: page,
  })
  return { traces: answer.traces ?? [], next_page_token: answer.next_page_token || undefined }
}

/** The run before or after one in its experiment, by when they started; undefined at the ends. */
export async function neighbour(run: Overview, step: 1 | -1): Promise<{ id: string; name: string } | undefined> {
  const { start_time: at, experiment_id, run_id } = run.info
  const found = await get<{ ids: string[]; names: string[]; cols: Record<string, number[]> }>('runs/table', {
    experiment_ids: [experiment_id], q: `attributes.start_time ${step > 0 ? '<=' : '>='} ${at}`, sort: step > 0 ? '-attributes.start_time' : 'attributes.start_time', cols: ['attributes.start_time'], limit: 50,
  })
  const rows = found.ids.map((id, i) => ({ id, name: found.names[i] ?? id, at: found.cols['attributes.start_time']?.[i] }))
  // Of those that started at once the order is one, whichever way one goes.
  if (step < 0) for (let first = 0, end = 0; first < rows.length; first = end) {
    while (rows[end]?.at === rows[first]!.at) end++
    rows.splice(first, end - first, ...rows.slice(first, end).reverse())
  }
  return rows[rows.findIndex((row) => row.id === run_id) + 1]
}

/** Values of a metric that are numbers: its spark, else what series tell. */
export function bestOf(metric: MetricTold, stats: Stats | undefined): number | null {
  if (metric.best !== undefined) return metric.best ?? null
  if (!stats || metric.direction === 'none') return null
  return metric.direction === 'min' ? stats.min : stats.max
}

export const namesOf = (run: Overview, system: boolean): string[] => Object.keys(run.metrics).filter((key) => isSystem(key) === system).sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))
export const lastOf = (metric: MetricTold): number | null => num(metric.last as Num)
export const isRunning = (run: Overview): boolean => isLive(run.info.status)
