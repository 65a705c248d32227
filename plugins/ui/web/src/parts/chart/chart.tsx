/** The shared figure: lines of metrics, with true counts, one cursor and one window for all charts of a page. */
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { get } from '../../core/api'
import { columnOf, count, plural } from '../../core/format'
import { lit } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { clock } from '../../core/times'
import { refuse, say } from '../../core/undo'
import { Float, MenuItem } from '../menu'
import { Peg } from '../peg'
import { csvOf, saveCsv, savePng, saveSvg } from './export'
import { HoverList, valuesAt } from './hover'
import { bandsOf, type ChartRun, inkOf, lastOf, linesOf, oddCount, oddOf } from './lines'
import { type Box, boxOf, type Ink, type Line, paint, type Picture } from './paint'
import { fraction, valueAt, xLabel } from './scale'
import { usePainted, useSeen, useSize } from './seen'
import { type Curve, fitY, type Range, type SeriesAnswer, valueNear } from './series'
import { TableView } from './tableview'
import { chartView, cursor, isLog, setLog, showAll, zoom } from './view'
import './chart.css'

export interface ChartProps {
  runs: readonly ChartRun[]
  /** The metrics: one, or a few in one picture. */
  keys: readonly string[]
  /** What the address does not say: each of these overrides it. */
  x?: string
  from?: number
  to?: number
  smooth?: number
  log?: boolean
  all?: boolean
  /** Counts up when the runs changed on the server. */
  turn?: number
  /** The height of the picture, px. */
  height?: number
  /** What stands above; the metric and its value without. */
  title?: ComponentChildren
  /** Runs in grey: what the others are compared with. */
  quiet?: readonly string[]
  pinned?: readonly string[]
  /** 'params.opt': bands of groups in place of lines. */
  group?: string
  /** Whether names stand at line ends; they do. */
  names?: boolean
  /** More items of the figure's menu. */
  menu?: ComponentChildren
  /** What a click on a line, or Enter while one is lit, does: open the run. */
  open?: (run: string) => void
  /** Whether the figure can be taken at its head and moved elsewhere. */
  movable?: boolean
}

const NONE: readonly string[] = []
const CSV_WIDTH = 5000
const NEAR_LINE = 24
const DRAG = 4

export function Chart(props: ChartProps) {
  const { runs, keys, turn = 0, height = 184, quiet = NONE, pinned = NONE, group = '', names = true } = props
  const shared = chartView()
  const view = { x: props.x ?? shared.x, from: props.from ?? shared.from, to: props.to ?? shared.to, smooth: props.smooth ?? shared.smooth, all: props.all ?? shared.all }
  const key = keys[0] ?? ''
  const wantsLog = props.log ?? isLog(key)
  const figure = useRef<HTMLElement>(null)
  const plot = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const seen = useSeen(figure)
  const size = useSize(plot)
  const me = useMemo(() => ({}), [])
  const ids = runs.map((run) => run.id)
  const ask = { run_ids: ids, keys: [...keys], x: view.x, from: view.from, to: view.to, width: bucketsOf(size.width), smooth: view.smooth || undefined, group: group || undefined }
  const wanted = seen && size.width > 0 && ids.length > 0
  const answer = useResource<SeriesAnswer>(wanted ? 'metrics/series' : null, ask)
  useEffect(() => { if (turn && wanted) answer.reload() }, [turn])
  const came = useCame(answer.data)

  const data = answer.data
  const byId = useMemo(() => new Map(runs.map((run) => [run.id, run])), [runs])
  const nameOf = (run: string) => byId.get(run)?.name || run.slice(0, 8)
  const now = lit.value
  const ink = inkOf()
  const lines = data ? (data.groups && group ? bandsOf(data.groups, group) : linesOf(data.series, { runs, keys, quiet, pinned, lit: now })) : []
  const series = data?.series.filter((each) => byId.has(each.run_id)) ?? []
  const x = xRange(lines, series.map((each) => each.span), view.from, view.to)
  const isZoomed = view.from !== undefined || view.to !== undefined
  const log = wantsLog && lines.some((line) => line.main.y.some((value) => value > 0))
  const isOwn = view.x === 'time' || view.x === 'relative'
  const fit = fitY(lines.flatMap(inWindow(x)), x, { all: view.all || isZoomed, log, own: isOwn })
  const stale = answer.error !== undefined && data !== undefined
  const picture: Picture = { width: size.width, height: size.height, x, y: { lo: fit.lo, hi: fit.hi, log }, axis: view.x, lines, odd: oddOf(series, nameOf), lit: now, stale, names: names && lines.length > 0 && size.width > 240 }
  const box = useRef<Box>({ left: 0, right: 0, top: 0, bottom: 0 })
  if (size.width) box.current = boxOf(picture).box

  // While a run is lit, all else is one picture that is drawn once.
  const under = useRef<{ key: string; ink: Ink; canvas: OffscreenCanvas }>(undefined)
  const still = [came, x.lo, x.hi, fit.lo, fit.hi, log, stale, size.width, size.height, lines.map((line) => line.colour + line.name).join()].join()
  const draw = (pen: CanvasRenderingContext2D) => {
    if (!lines.some((line) => line.run === now)) return paint(pen, picture, ink)
    const scale = devicePixelRatio || 1
    if (under.current?.key !== `${still} ${scale}` || under.current.ink !== ink) {
      const made = new OffscreenCanvas(pen.canvas.width, pen.canvas.height)
      const below = made.getContext('2d')!
      below.scale(scale, scale)
      paint(below as unknown as CanvasRenderingContext2D, picture, ink, 'under')
      under.current = { key: `${still} ${scale}`, ink, canvas: made }
    }
    pen.drawImage(under.current.canvas, 0, 0, size.width, size.height)
    return paint(pen, picture, ink, 'over')
  }
  usePainted(canvas, data ? size : undefined, draw, [still, now, seen, ink])

  const said = describe(data, group, came, stale, props.x === undefined ? shared.unknown : '')
  const title = keys.join(', ')
  const pointed = usePointer({ plot, box, x, y: picture.y, lines, axis: view.x, me, isZoomed, open: props.open, toggleLog: () => setLog(key, !wantsLog) })
  const [menuAt, setMenuAt] = useState<Element>()
  const [tabled, setTabled] = useState(false)
  const close = () => setMenuAt(undefined)
  const act = (does: () => void) => () => { close(); does() }
  const csv = async () => {
    const full = await get<SeriesAnswer>('metrics/series', { ...ask, smooth: undefined, group: undefined, width: CSV_WIDTH })
    saveCsv(title, csvOf(full.series, view.x, nameOf))
    say(`${count(full.drawn)} of ${plural(full.points, 'point')} saved`)
  }
  return (
    <figure ref={figure} class="chart" aria-label={`${title}: ${said}`}>
      <div class="top" draggable={props.movable}>
        {props.title ?? <Title title={title} lines={lines} series={series} runs={runs} alone={runs.length - quiet.length <= 1} lit={now} />}
        <span class="x" />
        {(fit.from !== undefined || view.all) && !isZoomed && <button class="fit" title="f" onClick={() => showAll(!view.all)}>{view.all ? 'y shows all' : `y fits ${isOwn ? 'after 25 %' : `${xLabel(+fit.from!.toPrecision(2), view.x, x.hi - x.lo)}+`}`}</button>}
        {isZoomed && <button class="fit" title="0" onClick={() => zoom()}>zoomed</button>}
        {data && <button class="more" aria-label={`${title}: menu`} aria-haspopup="menu" aria-expanded={menuAt !== undefined} onClick={(event) => setMenuAt(event.currentTarget)}><Dots /></button>}
      </div>
      <div ref={plot} class="plot" tabIndex={data ? 0 : undefined} role="group" aria-label={`${title}: picture`} style={{ height: `${height}px` }} {...pointed.handlers}>
        {seen && (lines.length > 0 || !data) && <canvas ref={canvas} aria-hidden="true" />}
        {data && lines.length > 0 && <Cursor box={box.current} x={x} y={picture.y} axis={view.x} lines={lines} me={me} lit={now} at={pointed.at} title={title} keyName={key} runs={runs} />}
        {pointed.drag && <i class="span" style={{ left: `${pointed.drag.from}px`, width: `${pointed.drag.to - pointed.drag.from}px`, top: `${box.current.top}px`, bottom: '20px' }} />}
        {data && !lines.length && <div class="says">{ids.length ? 'None of these runs has logged it.' : 'No run is shown.'}</div>}
        {lines.length > 0 && !picture.odd.length && lines.every((line) => !line.main.x.length) && <div class="says">{isZoomed ? 'There are no points in this window.' : `There are no points over ${view.x.replace(/^metrics\./, '')}.`}</div>}
        {!ids.length && !data && <div class="says">No run is shown.</div>}
        {answer.error && !data && <div class="says" role="alert"><span>{answer.error.message} {answer.error.hint}</span><button class="btn" onClick={answer.reload}>Try again</button></div>}
      </div>
      <figcaption class={stale || (shared.unknown && props.x === undefined) ? 'warn' : ''} title={said}>{said}</figcaption>
      {menuAt && (
        <Float at={menuAt} close={close} label={`${title}: menu`}>
          {props.menu}
          <MenuItem does={act(() => setTabled(true))} keys="t">Table of values</MenuItem>
          <MenuItem does={act(() => setLog(key, !wantsLog))} checked={wantsLog} keys="l">Logarithmic y</MenuItem>
          <MenuItem does={act(() => showAll(!view.all))} checked={view.all} keys="f">y shows all</MenuItem>
          {isZoomed && <MenuItem does={act(() => zoom())} keys="0">Show the whole x axis</MenuItem>}
          <MenuItem does={act(() => void figure.current?.requestFullscreen())}>Full screen</MenuItem>
          <hr />
          <MenuItem does={act(() => savePng(title, size, ink, (pen) => paint(pen, picture, ink)))}>Save as PNG</MenuItem>
          <MenuItem does={act(() => saveSvg(title, size, ink, (pen) => paint(pen, picture, ink)))}>Save as SVG</MenuItem>
          <MenuItem does={act(() => void csv().catch((error) => refuse('not saved', error)))}>Save as CSV</MenuItem>
        </Float>
      )}
      {(tabled || pointed.tabled) && data && <TableView title={title} axis={view.x} range={x} lines={lines} series={series} runs={runs} close={() => { setTabled(false); pointed.untable() }} />}
    </figure>
  )
}

export const Dots = () => <svg width="12" height="12" viewBox="0 0 12 12" fill="currentColor" aria-hidden="true"><circle cx="2" cy="6" r="1.2" /><circle cx="6" cy="6" r="1.2" /><circle cx="10" cy="6" r="1.2" /></svg>

/** The window asked for is not drawn beyond what is there; half as many stretches as pixels, since each has two points. */
const bucketsOf = (width: number): number => Math.max(100, Math.ceil((width * Math.min(2, devicePixelRatio || 1)) / 200) * 100)

function useCame(data: unknown): number {
  const came = useRef({ data, at: Date.now() })
  if (came.current.data !== data) came.current = { data, at: Date.now() }
  return came.current.at
}

function describe(data: SeriesAnswer | undefined, group: string, came: number, stale: boolean, unknown: string): string {
  if (!data) return ''
  const odd = oddCount(data.series) + (data.groups ?? []).reduce((sum, each) => sum + (each.not_finite ?? 0), 0)
  const runs = data.groups && group ? `${plural(data.groups.length, 'group')} of ${plural(data.groups.reduce((sum, each) => sum + each.runs, 0), 'run')}` : plural(new Set(data.series.map((each) => each.run_id)).size, 'run')
  return `${runs}, ${plural(data.points, 'point')}, ${count(data.drawn)} drawn${odd ? `, ${count(odd)} not finite` : ''}${stale ? `, as of ${clock(came)}` : ''}${unknown && `, over step: there is no axis ${unknown.slice(0, 40)}`}`
}

function xRange(lines: readonly Line[], spans: readonly ([number, number] | null)[], from?: number, to?: number): Range {
  let lo = Infinity
  let hi = -Infinity
  for (const span of spans) {
    if (!span) continue
    lo = Math.min(lo, span[0])
    hi = Math.max(hi, span[1])
  }
  if (lo > hi) for (const { main } of lines) {
    lo = Math.min(lo, main.x[0] ?? Infinity)
    hi = Math.max(hi, main.x.at(-1) ?? -Infinity)
  }
  if (lo > hi) [lo, hi] = [0, 1]
  lo = from ?? lo
  hi = to ?? hi
  return lo < hi ? { lo, hi } : { lo: lo - 0.5, hi: lo + 0.5 }
}

/** The part of a line that a window shows, as curves. */
const inWindow = (x: Range) => (line: Line): Curve[] => {
  const { main, band } = line
  let from = 0
  while (from < main.x.length && main.x[from]! < x.lo) from++
  let to = main.x.length
  while (to > from && main.x[to - 1]! > x.hi) to--
  const cut = (y: Curve['y']) => ({ x: main.x.subarray(from, to), y: y.subarray(from, to) })
  return band ? [cut(band.min), cut(band.max)] : [cut(main.y)]
}

function Title({ title, lines, series, runs, alone, lit: now }: { title: string; lines: readonly Line[]; series: SeriesAnswer['series']; runs: readonly ChartRun[]; alone: boolean; lit: string }) {
  const line = lines.find((each) => each.run === now) ?? lines[0]
  const shown = line && series.find((each) => each.run_id === line.run)
  const run = runs.find((each) => each.id === line?.run)
  return (
    <>
      <h2 class="cut" title={title}>{title}</h2>
      {shown && <span class="v" title={run?.name}>{run && (!alone || run.id === now) && <Peg run={run.id} status={run.status} size={9} />}{columnOf([lastOf(shown)])(lastOf(shown))}</span>}
    </>
  )
}

function Cursor({ box, x, y, axis, lines, me, lit: now, at, title, keyName, runs }: { box: Box; x: Range; y: Picture['y']; axis: string; lines: readonly Line[]; me: object; lit: string; at?: { x: number; y: number }; title: string; keyName: string; runs: readonly ChartRun[] }) {
  const place = cursor.value
  if (!place || place.axis !== axis || place.x < x.lo || place.x > x.hi) return null
  const left = box.left + fraction(x, place.x) * (box.right - box.left)
  const mine = place.by === me
  const slack = (x.hi - x.lo) / 200
  const line = lines.find((each) => each.run === now) ?? (lines.length === 1 ? lines[0] : undefined)
  const value = line && valueNear(line.main, place.x, slack)
  const top = value === undefined ? undefined : box.bottom - fraction(y, value) * (box.bottom - box.top)
  return (
    <>
      <i class="cur" style={{ left: `${left}px`, top: `${box.top}px`, height: `${box.bottom - box.top}px` }} />
      {line && top !== undefined && top >= box.top - 2 && top <= box.bottom + 2 && <i class="at" style={{ left: `${left}px`, top: `${top}px`, background: line.colour }} />}
      {mine && at && <HoverList values={valuesAt(lines, keyName, place.x, slack, now)} title={title} x={place.x} axis={axis} runs={runs} lit={now} at={at} />}
    </>
  )
}

interface Pointing {
  plot: { current: HTMLDivElement | null }
  box: { current: Box }
  x: Range
  y: Picture['y']
  lines: readonly Line[]
  axis: string
  me: object
  isZoomed: boolean
  open?: (run: string) => void
  toggleLog: () => void
}

const ZOOM_KEYS: Record<string, number> = { '+': 0.5, '=': 0.5, '-': 2 }

/** What the pointer and the keys do in a picture: the cursor, the lit run, the window. */
function usePointer({ plot, box, x, y, lines, axis, me, isZoomed, open, toggleLog }: Pointing) {
  const [at, setAt] = useState<{ x: number; y: number }>()
  const [drag, setDrag] = useState<{ from: number; to: number }>()
  const [tabled, setTabled] = useState(false)
  const start = useRef<number>(undefined)
  const inside = (event: PointerEvent | MouseEvent): number => {
    const { left } = plot.current!.getBoundingClientRect()
    return Math.min(box.current.right, Math.max(box.current.left, event.clientX - left))
  }
  const valueOf = (px: number) => valueAt(x, (px - box.current.left) / (box.current.right - box.current.left || 1))
  const leave = () => {
    setAt(undefined)
    if (cursor.peek()?.by === me) cursor.value = undefined
    lit.value = ''
  }
  useEffect(() => () => { if (cursor.peek()?.by === me) cursor.value = undefined }, [])
  const move = (event: PointerEvent) => {
    const px = inside(event)
    if (start.current !== undefined && event.buttons) setDrag(dragged(px))
    const here = valueOf(px)
    cursor.value = { axis, x: here, by: me }
    setAt({ x: event.clientX, y: event.clientY })
    light(event.clientY - plot.current!.getBoundingClientRect().top, here)
  }
  const dragged = (px: number): { from: number; to: number } | undefined => {
    const begin = start.current ?? px
    return Math.abs(px - begin) > DRAG ? { from: Math.min(begin, px), to: Math.max(begin, px) } : undefined
  }
  /** Light the run whose line is next to the pointer. */
  const light = (py: number, here: number) => {
    let best = NEAR_LINE
    let run = ''
    for (const line of lines) {
      const value = valueNear(line.main, here, (x.hi - x.lo) / 200)
      if (value === undefined) continue
      const away = Math.abs(box.current.bottom - fraction(y, value) * (box.current.bottom - box.current.top) - py)
      if (away < best) [best, run] = [away, line.run]
    }
    if (lit.peek() !== run) lit.value = run
  }
  /** Light the next line above or below, where the cursor is. */
  const next = (by: number, here: number) => {
    const there = lines.flatMap((line) => { const value = valueNear(line.main, here, (x.hi - x.lo) / 200); return value === undefined ? [] : [{ run: line.run, value }] }).sort((a, b) => a.value - b.value)
    const now = there.findIndex((each) => each.run === lit.peek())
    const found = there[now < 0 ? (by > 0 ? 0 : there.length - 1) : Math.min(there.length - 1, Math.max(0, now + by))]
    if (found) lit.value = found.run
  }
  const press = (event: KeyboardEvent) => {
    const now = cursor.peek()?.x ?? (x.lo + x.hi) / 2
    const width = x.hi - x.lo
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (by) {
      const to = Math.min(x.hi, Math.max(x.lo, now + (by * width) / (event.shiftKey ? 10 : 100)))
      const { left, top } = plot.current!.getBoundingClientRect()
      cursor.value = { axis, x: to, by: me }
      setAt({ x: left + box.current.left + fraction(x, to) * (box.current.right - box.current.left), y: top + 40 })
    } else if (event.key in ZOOM_KEYS) {
      const half = (width * ZOOM_KEYS[event.key]!) / 2
      zoom(now - half, now + half)
    } else if (event.key === '0') zoom()
    else if (event.key === 'l') toggleLog()
    else if (event.key === 't') setTabled(true)
    else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') next(event.key === 'ArrowUp' ? 1 : -1, now)
    else if (event.key === 'Enter' && open && lit.peek()) open(lit.peek())
    else if (event.key === 'Escape' && at) leave()
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return {
    at, drag, tabled, untable: () => setTabled(false),
    handlers: {
      onPointerMove: move,
      onPointerLeave: () => { if (start.current === undefined) leave() },
      onPointerDown: (event: PointerEvent) => {
        if (event.button || !event.isPrimary || event.pointerType === 'touch') return
        start.current = inside(event)
        plot.current!.setPointerCapture(event.pointerId)
      },
      onPointerUp: (event: PointerEvent) => {
        const part = dragged(inside(event))
        if (part) zoom(valueOf(part.from), valueOf(part.to))
        else if (start.current !== undefined && open && lit.peek()) open(lit.peek())
        start.current = undefined
        setDrag(undefined)
        if (!plot.current!.matches(':hover')) leave()
      },
      onPointerCancel: () => { start.current = undefined; setDrag(undefined) },
      onDblClick: () => { if (isZoomed) zoom() },
      onKeyDown: press,
      onBlur: leave,
    },
  }
}
