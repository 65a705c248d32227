/** Pictures of steps with one slider for all runs, and logged tables side by side. */
import { signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { get, urlOf } from '../../core/api'
import { useKeys } from '../../core/keys'
import { count, exact } from '../../core/format'
import { useResource } from '../../core/resource'
import type { ChartRun } from '../../parts/chart/lines'
import { Peg } from '../../parts/peg'
import { Picture } from '../../parts/picture'
import { type Files, imagesOf, latest, tablesOf } from './logged'
import type { Added } from './added'

const MOST_RUNS = 12
const SEARCHED = 5
const ROWS = 20
const LIST = '/api/2.0/mlflow/artifacts/list'

/** The step that all pictures of the page show; undefined: their last one. */
const step = signal<number | undefined>(undefined)

/** What pictures and tables the first runs logged; looked for when somebody wants to add a chart. */
export function useMedia(experiments: readonly string[], runs: readonly ChartRun[]): { media: readonly Added[]; look: () => void } {
  const [media, setMedia] = useState<readonly Added[]>([])
  const look = () => {
    const first = runs.slice(0, SEARCHED)
    const lists = first.map((run) => get<Files>(LIST, { run_id: run.id, path: 'images' }).then((files) => [...imagesOf(files).keys()], () => []))
    const tags = get<{ cols: Record<string, (string | null)[]> }>('runs/table', { experiment_ids: [...experiments], cols: ['tags.mlflow.loggedArtifacts'], limit: 100 }).then(({ cols }) => cols['tags.mlflow.loggedArtifacts'] ?? [], () => [])
    void Promise.all([Promise.all(lists), tags]).then(([keys, logged]) => {
      const images = [...new Set(keys.flat())].sort().map((key): Added => ({ kind: 'images', columns: [key] }))
      const tables = [...new Set(logged.flatMap(tablesOf))].sort().map((path): Added => ({ kind: 'table', columns: [path] }))
      setMedia([...images, ...tables])
    })
  }
  return { media, look }
}

export interface MediaProps {
  runs: readonly ChartRun[]
  turn: number
  remove: () => void
}

export function Images({ name, runs, turn, remove }: MediaProps & { name: string }) {
  const [found, setFound] = useState<ReadonlyMap<string, ReadonlyMap<number, string>>>(new Map())
  const shown = runs.slice(0, MOST_RUNS)
  const ids = shown.map((run) => run.id).join()
  useEffect(() => {
    let isOver = false
    for (const run of shown)
      get<Files>(LIST, { run_id: run.id, path: 'images' }).then((files) => {
        if (!isOver) setFound((now) => new Map(now).set(run.id, imagesOf(files).get(name) ?? new Map<number, string>()))
      }, () => undefined)
    return () => { isOver = true }
  }, [ids, turn, name])
  const having = shown.filter((run) => found.get(run.id)?.size)
  const steps = [...new Set(having.flatMap((run) => [...found.get(run.id)!.keys()]))].sort((a, b) => a - b)
  const at = steps.findLastIndex((each) => each <= (step.value ?? Infinity))
  const now = steps[Math.max(0, at)] ?? 0
  const go = (by: number) => () => (step.value = steps[Math.min(steps.length - 1, Math.max(0, at + by))])
  useKeys('Images', { '[': { does: 'Previous step of the images', run: go(-1), quiet: true }, ']': { does: 'Next step of the images', run: go(1), quiet: true } })
  const without = shown.length - having.length
  return (
    <figure class="media" aria-label={`${name}: images of ${having.length} runs`}>
      <Head title={name} remove={remove}>{without ? `${count(without)} of ${count(shown.length)} runs have none` : ''}</Head>
      <div class="strip" tabIndex={0} role="group" aria-label={`${name}: images`}>
        {having.map((run) => <Step key={run.id} run={run} name={name} files={found.get(run.id)!} now={now} />)}
      </div>
      <label class="slide">step
        <input type="range" min="0" max={Math.max(0, steps.length - 1)} value={Math.max(0, at)} aria-valuetext={`step ${now}`} onInput={(event) => (step.value = steps[Number(event.currentTarget.value)])} />
        <b>{count(now)}</b>
      </label>
    </figure>
  )
}

/** A run's picture of a step, or the last one before it. */
function Step({ run, name, files, now }: { run: ChartRun; name: string; files: ReadonlyMap<number, string>; now: number }) {
  const [at, path] = latest(files, now) ?? []
  return (
    <figure class="pic">
      {path ? <Picture src={urlOf('artifacts/preview', { run_id: run.id, path })} alt={`${name} of ${run.name} at step ${at}`} /> : <div class="none dots" />}
      <figcaption><Peg run={run.id} status={run.status} /><span class="cut" title={run.name}>{run.name}</span>{at !== undefined && at !== now && <span class="i3">step {count(at)}</span>}</figcaption>
    </figure>
  )
}

const Head = ({ title, remove, children }: { title: string; remove: () => void; children?: string }) => (
  <div class="top"><h2 class="cut" title={title}>{title}</h2><span class="i3 w4">{children}</span><span class="x" /><button class="btn flat" onClick={remove}>take away</button></div>
)

export function Tables({ path, runs, turn, remove }: MediaProps & { path: string }) {
  const [offset, setOffset] = useState(0)
  const [totals, setTotals] = useState<Record<string, number>>({})
  const shown = runs.slice(0, MOST_RUNS)
  const total = Math.max(0, ...Object.values(totals))
  const told = (run: string, rows: number) => setTotals((now) => (now[run] === rows ? now : { ...now, [run]: rows }))
  return (
    <figure class="media" aria-label={`${path}: table of each run`}>
      <Head title={path} remove={remove}>{total ? `rows ${count(offset + 1)} to ${count(Math.min(total, offset + ROWS))} of ${count(total)}` : ''}</Head>
      <div class="strip" tabIndex={0} role="group" aria-label={`${path}: tables`}>
        {shown.map((run) => <Table key={run.id} run={run} path={path} offset={offset} turn={turn} told={told} />)}
      </div>
      {total > ROWS && (
        <div class="slide">
          <button class="btn" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - ROWS))}>Earlier</button>
          <button class="btn" disabled={offset + ROWS >= total} onClick={() => setOffset(offset + ROWS)}>Later</button>
        </div>
      )}
    </figure>
  )
}

interface TableAnswer {
  columns: { name: string; type: string }[]
  rows_total: number | null
  rows: Record<string, unknown[]>
}

function Table({ run, path, offset, turn, told }: { run: ChartRun; path: string; offset: number; turn: number; told: (run: string, rows: number) => void }) {
  const found = useResource<TableAnswer>('artifacts/table', { run_id: run.id, path, offset, limit: ROWS, turn: undefined })
  useEffect(() => { if (turn) found.reload() }, [turn])
  const { data } = found
  useEffect(() => { if (data) told(run.id, data.rows_total ?? offset + ROWS * 2) }, [data])
  if (found.error && !data && found.error.status !== 404) return <div class="tab"><p class="i2">{run.name}: {found.error.message}</p></div>
  if (!data) return null
  const length = Math.max(0, ...data.columns.map(({ name }) => data.rows[name]?.length ?? 0))
  return (
    <div class="tab">
      <table>
        <caption><Peg run={run.id} status={run.status} /> {run.name}</caption>
        <thead><tr>{data.columns.map(({ name, type }) => <th key={name} scope="col" class={type === 'number' ? 'r' : ''}>{name}</th>)}</tr></thead>
        <tbody>{Array.from({ length }, (_, i) => <tr key={i}>{data.columns.map(({ name, type }) => <td key={name} class={type === 'number' ? 'r' : ''} title={text(data.rows[name]?.[i])}>{text(data.rows[name]?.[i])}</td>)}</tr>)}</tbody>
      </table>
    </div>
  )
}

const text = (value: unknown): string => (value === null || value === undefined ? '' : typeof value === 'number' ? exact(value) : typeof value === 'string' ? value : JSON.stringify(value))
