/** The line above the charts: which metrics, over what, how smooth, how many beside each other. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { get } from '../../core/api'
import { count } from '../../core/format'
import { type Item, useProvider } from '../../core/palette'
import { setQuery } from '../../core/router'
import { refuse } from '../../core/undo'
import { chartView, isLog, setLog } from '../../parts/chart/view'
import { Float, MenuItem } from '../../parts/menu'
import { Pick } from './pick'
import { type Added, patternOf } from './added'
import { type Grid, gridOf, setAdded } from './state'

export interface ToolsProps {
  grid: Grid
  names: readonly string[]
  open: number
  total: number
  experiments: readonly string[]
  q: string
  /** Pictures and tables that runs logged. */
  media: readonly Added[]
  lookForMedia: () => void
  find: { current: HTMLInputElement | null }
}

const AXES = [['step', 'step'], ['time', 'time of day'], ['relative', 'time since the start']] as const
const WAIT_MS = 120
type Open = 'x' | 'metric' | 'grid' | 'add' | undefined

export function Tools({ grid, names, open, total, experiments, q, media, lookForMedia, find }: ToolsProps) {
  const view = chartView()
  const [at, setAt] = useState<{ what: Open; element: Element }>()
  const close = () => setAt(undefined)
  const toggle = (what: Open) => (event: MouseEvent) => setAt({ what, element: event.currentTarget as Element })
  const act = (does: () => void) => () => { close(); does() }
  const isWrong = patternOf(grid.find) === undefined
  const metric = view.x.startsWith('metrics.') ? view.x.slice(8) : ''
  // What is there is read when the columns are known: another chart may have come meanwhile.
  const add = async (kind: Added['kind']) => {
    try {
      const columns = await chosen(kind, experiments, q)
      setAdded([...gridOf().added, { kind, columns }])
    } catch (error) {
      refuse('no chart added', error)
    }
  }
  useProvider((text) => offered(text, names, view.smooth, (kind) => void add(kind)), [names.length, view.smooth, q, experiments.join()])
  return (
    <div class="tools">
      <label class="k">keys <input ref={find} class={isWrong ? 'find wrong' : 'find'} aria-label="Find metrics, as a regular expression" aria-invalid={isWrong} placeholder="loss|acc" value={grid.find} onInput={(event) => setQuery({ find: event.currentTarget.value }, { replace: true })} /></label>
      <span class="i3" aria-live="polite">{count(open)} of {count(total)} open</span>
      <span class="x" />
      <Menu title="x" value={metric || view.x} does={toggle('x')} />
      <Smooth value={view.smooth} />
      <Menu title="y" value={isLog('*') ? 'log' : 'linear'} does={() => setLog('*', !isLog('*'))} pressed={isLog('*')} />
      <Menu title="grid" value={grid.columns ? String(grid.columns) : 'auto'} does={toggle('grid')} />
      <button class="btn flat" aria-haspopup="menu" onClick={(event) => { lookForMedia(); toggle('add')(event) }}>+ chart</button>
      {at?.what === 'x' && (
        <Float at={at.element} close={close} label="The x axis">
          {AXES.map(([value, title]) => <MenuItem key={value} checked={view.x === value} does={act(() => axis(value))}>{title}</MenuItem>)}
          <MenuItem checked={metric !== ''} does={() => setAt({ what: 'metric', element: at.element })} detail={metric}>another metric…</MenuItem>
        </Float>
      )}
      {at?.what === 'metric' && <Pick at={at.element} label="Metric of the x axis" options={names.map((name) => ({ value: name, title: name }))} pick={(name) => axis(`metrics.${name}`)} close={close} />}
      {at?.what === 'grid' && (
        <Float at={at.element} close={close} label="Charts beside each other, and runs in them">
          <div class="h" role="presentation">charts beside each other</div>
          {[0, 1, 2, 3, 4, 6].map((n) => <MenuItem key={n} checked={grid.columns === n} does={act(() => setQuery({ grid: n ? String(n) : null }))}>{n || 'as many as there is room for'}</MenuItem>)}
          <hr />
          <div class="h" role="presentation">runs drawn at the most</div>
          {[10, 30, 50, 100].map((n) => <MenuItem key={n} checked={grid.most === n} does={act(() => setQuery({ lines: n === 30 ? null : String(n) }))}>{n}</MenuItem>)}
        </Float>
      )}
      {at?.what === 'add' && (
        <Float at={at.element} close={close} label="Add a chart">
          {Object.entries(PLOTS).map(([title, kind]) => <MenuItem key={kind} does={act(() => void add(kind))}>{title}</MenuItem>)}
          {media.length > 0 && <hr />}
          {media.map((each) => <MenuItem key={each.columns[0]} does={act(() => setAdded([...grid.added, each]))} detail={each.kind}>{each.columns[0]}</MenuItem>)}
        </Float>
      )}
    </div>
  )
}

const PLOTS: Record<string, Added['kind']> = { 'Scatter of two columns': 'scatter', 'Contours over two columns': 'contour', 'Parallel coordinates': 'parallel', 'Boxes of groups': 'box', 'Bars of runs': 'bar' }

/** What the line offers, for the palette. */
function offered(text: string, names: readonly string[], smooth: number, add: (kind: Added['kind']) => void): Item[] {
  const item = (title: string, run: () => void, detail = 'Charts'): Item => ({ title, kind: 'do', detail, run })
  return [
    ...AXES.map(([value, title]) => item(`x axis: ${title}`, () => axis(value))),
    ...(/x axis/i.test(text) ? names.map((name) => item(`x axis: ${name}`, () => axis(`metrics.${name}`), 'metric')) : []),
    item(isLog('*') ? 'y linear in all charts' : 'y logarithmic in all charts', () => setLog('*', !isLog('*'))),
    item(smooth ? 'No smoothing' : 'Smooth the curves', () => setQuery({ smooth: smooth ? null : '0.8' })),
    ...(text ? [0, 1, 2, 3, 4, 6].map((n) => item(n ? `Charts beside each other: ${n}` : 'Charts beside each other: as many as there is room for', () => setQuery({ grid: n ? String(n) : null }))) : []),
    ...Object.entries(PLOTS).map(([title, kind]) => item(`Add a chart: ${title.toLowerCase()}`, () => add(kind))),
  ]
}

/** Another x axis has another window. */
const axis = (x: string): void => setQuery({ x: x === 'step' ? null : x, from: null, to: null })

function Menu({ title, value, does, pressed }: { title: string; value: string; does: (event: MouseEvent) => void; pressed?: boolean }) {
  return <button class="k" aria-haspopup={pressed === undefined ? 'menu' : undefined} aria-pressed={pressed} onClick={does}>{title} <b class="cut">{value}</b></button>
}

/** The slider asks when it rests for a moment, not at each pixel. */
function Smooth({ value }: { value: number }) {
  const [shown, setShown] = useState(value)
  const timer = useRef(0)
  useEffect(() => setShown(value), [value])
  const slide = (next: number) => {
    setShown(next)
    clearTimeout(timer.current)
    timer.current = window.setTimeout(() => setQuery({ smooth: next ? String(next) : null }, { replace: true }), WAIT_MS)
  }
  return (
    <label class="k">smooth <input type="range" min="0" max="0.99" step="0.01" value={shown} onInput={(event) => slide(Number(event.currentTarget.value))} /> <b>{shown ? shown.toFixed(2).replace(/0$/, '') : '0'}</b></label>
  )
}

/** The columns that a new chart begins with: those that tell most of the runs apart. */
async function chosen(kind: Added['kind'], experiments: readonly string[], q: string): Promise<string[]> {
  const found = await get<{ chosen: string[] }>('runs/table', { experiment_ids: [...experiments], q, limit: 1 })
  const metrics = found.chosen.filter((column) => column.startsWith('metrics.'))
  const params = found.chosen.filter((column) => column.startsWith('params.'))
  const [first = 'attributes.duration', second = first] = metrics
  const by = params[0] ?? 'attributes.status'
  switch (kind) {
    case 'parallel': return [...params, ...metrics].slice(-6).concat(metrics.length || params.length ? [] : ['attributes.duration', 'attributes.status'])
    case 'box': return [by, first]
    case 'bar': return [first]
    case 'contour': return [params[0] ?? second, params[1] ?? first, first]
    default: return [second, first]
  }
}
