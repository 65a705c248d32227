/** A figure whose points are runs: scatter, parallel coordinates, boxes, bars. Brushing it asks for what was brushed. */
import type { ComponentChildren } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import { lessIsBetter } from '../../core/direction'
import { parseColumn, titleOf } from '../../core/columns'
import { count, plural } from '../../core/format'
import { hueToken, lit, slotOf } from '../../core/pegs'
import { Dialog } from '../dialog'
import { Float, MenuItem } from '../menu'
import { Peg } from '../peg'
import { type Axis, axisOf, brushed, type Cell, type Dots, shownCell } from './axis'
import { Dots as DotsIcon } from './chart'
import { csvCell, saveCsv, savePng, saveSvg } from './export'
import { hue, inkOf, MOST_COLOURED } from './lines'
import { type Drawn, drawPlot, fitting, type Hit, type Kind, nearest, type Plot as Drawing } from './plots'
import { usePainted, useSeen, useSize } from './seen'
import './chart.css'

export interface PlotProps {
  kind: Kind
  /** scatter: x, y; contour: x, y and what the colours are; parallel: any number; box: groups, y; bar: x. */
  columns: readonly string[]
  dots: Dots
  /** How many runs match; more than `dots` has where not all were read. */
  matched: number
  height?: number
  /** The filter, and what takes a new one; without it nothing is brushed. */
  q?: string
  ask?: (q: string) => void
  title?: ComponentChildren
  menu?: ComponentChildren
  movable?: boolean
  /** Whether less is better on the last axis, which colours many lines; by its name if it is not said. */
  falls?: boolean
}

const TICK = 40
const DRAG = 5

export function Plot(props: PlotProps) {
  const { kind, columns, dots, matched, height = 232, q = '', ask } = props
  const figure = useRef<HTMLElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const seen = useSeen(figure)
  const size = useSize(box)
  const ink = inkOf()
  const now = lit.value
  const axes = useMemo(() => columns.map((column, i) => axisOf(column, dots.cols[column] ?? [], (kind === 'scatter' || kind === 'contour') && i === 0 ? Math.max(2, size.width / 90) : height / TICK)), [columns.join(), dots, kind, size.width])
  const colours = coloursOf(dots, axes, kind, props.falls ?? lessIsBetter(parseColumn(columns.at(-1) ?? '').key))
  const many = dots.ids.length > MOST_COLOURED
  const drawing: Drawing = { kind, width: size.width, height: size.height, axes, dots, colours, alpha: many ? 0.55 : 0.9, lit: now, strong: hue('accent'), down: !lessIsBetter(parseColumn(columns[0] ?? '').key) }
  const drawn = useRef<Drawn>(undefined)
  const draw = (pen: Parameters<typeof drawPlot>[0]) => (drawn.current = drawPlot(pen, drawing, ink))
  usePainted(canvas, size, draw, [axes, now, ink, seen, colours.join()])
  const [at, setAt] = useState<{ hit: Hit; x: number; y: number }>()
  const [menuAt, setMenuAt] = useState<Element>()
  const [tabled, setTabled] = useState(false)
  const brush = useBrush(box, drawn, axes, ask && ((found) => ask(found.reduce((text, part) => brushed(text, part.axis, dots.cols[part.axis.column] ?? [], part.from, part.to), q))))
  const name = nameOf(kind, columns)
  const missing = dots.ids.length - axes.reduce<boolean[]>((has, axis) => axis.at.map((part, i) => part !== undefined && (has[i] ?? true)), []).filter(Boolean).length
  const said = `${matched > dots.ids.length ? `${count(dots.ids.length)} of ${plural(matched, 'run')}` : plural(dots.ids.length, 'run')}${kind === 'bar' && dots.ids.length - missing > fitting(height) ? `, the first ${fitting(height)} shown` : ''}${missing && kind !== 'parallel' && kind !== 'box' ? `, ${count(missing)} without a value` : ''}`
  const act = (does: () => void) => () => { setMenuAt(undefined); does() }
  const move = (event: PointerEvent) => {
    const { left, top } = box.current!.getBoundingClientRect()
    brush.move(event)
    const hit = nearest(drawn.current?.hits ?? [], event.clientX - left, event.clientY - top)
    const run = hit ? (dots.ids[hit.index] ?? '') : ''
    if (lit.peek() !== run) lit.value = run
    setAt(hit && { hit, x: event.clientX, y: event.clientY })
  }
  const leave = () => { setAt(undefined); lit.value = '' }
  const walk = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key]
    if (event.key === 'Escape' && at) leave()
    else if (event.key === 't') setTabled(true)
    else if (by && drawn.current?.hits.length) {
      const hits = [...drawn.current.hits].sort((a, b) => a.x - b.x || a.y - b.y)
      const hit = hits[(Math.max(0, hits.findIndex((each) => each.index === at?.hit.index && each.x === at.hit.x) + by) + hits.length) % hits.length]!
      const { left, top } = box.current!.getBoundingClientRect()
      lit.value = dots.ids[hit.index] ?? ''
      setAt({ hit, x: left + hit.x, y: top + hit.y })
    } else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <figure ref={figure} class="chart" aria-label={`${name}: ${said}`}>
      <div class="top" draggable={props.movable}>
        {props.title ?? <h2 class="cut">{name}</h2>}
        <span class="x" />
        <button class="more" aria-label={`${name}: menu`} aria-haspopup="menu" aria-expanded={menuAt !== undefined} onClick={(event) => setMenuAt(event.currentTarget)}><DotsIcon /></button>
      </div>
      <div ref={box} class="plot" tabIndex={0} role="group" aria-label={`${name}: picture`} style={{ height: `${height}px` }} onPointerMove={move} onPointerLeave={leave} onPointerDown={brush.down} onPointerUp={brush.up} onPointerCancel={brush.cancel} onKeyDown={walk} onBlur={leave}>
        {seen && <canvas ref={canvas} aria-hidden="true" />}
        {brush.area && <i class="span" style={Object.fromEntries(Object.entries(brush.area).map(([side, px]) => [side, `${px}px`]))} />}
        {!dots.ids.length && <div class="says">No run fits.</div>}
        {at && <Tip dots={dots} columns={columns} index={at.hit.index} at={at} />}
      </div>
      <figcaption title={said}>{said}{ask && kind !== 'bar' ? '; drag to filter' : ''}</figcaption>
      {menuAt && (
        <Float at={menuAt} close={() => setMenuAt(undefined)} label={`${name}: menu`}>
          {props.menu}
          <MenuItem does={act(() => setTabled(true))} keys="t">Table of values</MenuItem>
          <MenuItem does={act(() => void figure.current?.requestFullscreen())}>Full screen</MenuItem>
          <hr />
          <MenuItem does={act(() => savePng(name, size, ink, draw))}>Save as PNG</MenuItem>
          <MenuItem does={act(() => saveSvg(name, size, ink, draw))}>Save as SVG</MenuItem>
          <MenuItem does={act(() => saveCsv(name, csvOf(dots, columns)))}>Save as CSV</MenuItem>
        </Float>
      )}
      {tabled && <Values name={name} dots={dots} columns={columns} close={() => setTabled(false)} />}
    </figure>
  )
}

export function nameOf(kind: Kind, columns: readonly string[]): string {
  const [first = '', second = '', third = ''] = columns.map(titleOf)
  switch (kind) {
    case 'scatter': return `${second} against ${first}`
    case 'contour': return `${third} over ${first} and ${second}`
    case 'box': return `${second} by ${first}`
    case 'bar': return `${first} of each run`
    default: return `parallel: ${columns.map(titleOf).join(', ')}`
  }
}

/** The colours of runs; of many lines side by side, those of the last axis, from grey to the accent, which is good. */
function coloursOf(dots: Dots, axes: readonly Axis[], kind: Kind, falls: boolean): string[] {
  const last = axes.at(-1)
  if (kind === 'parallel' && dots.ids.length > MOST_COLOURED && last) {
    const [low, high] = [rgb(hue('ink-3')), rgb(hue('accent'))]
    return last.at.map((part) => (part === undefined ? hue('ink-3') : `rgb(${low.map((from, i) => Math.round(from + (falls ? 1 - part : part) * (high[i]! - from))).join(', ')})`))
  }
  return dots.ids.map((run) => hue(hueToken(slotOf(run))))
}

const rgb = (text: string): number[] => (text.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number)

function Tip({ dots, columns, index, at }: { dots: Dots; columns: readonly string[]; index: number; at: { x: number; y: number } }) {
  const left = Math.min(at.x + 14, innerWidth - 260)
  const top = Math.min(at.y + 14, innerHeight - 40 - columns.length * 16)
  return (
    <div class="hoverlist" role="status" style={{ transform: `translate(${left}px, ${top}px)` }}>
      <Peg run={dots.ids[index]} status={dots.status[index] ?? ''} /><span class="n lit">{dots.names[index]}</span><span />
      {columns.map((column) => <Pair key={column} name={titleOf(column)} cell={dots.cols[column]?.[index] ?? null} />)}
    </div>
  )
}

const Pair = ({ name, cell }: { name: string; cell: Cell }) => <><span /><span class="n">{name}</span><span class="r">{shownCell(cell)}</span></>

const csvOf = (dots: Dots, columns: readonly string[]): string =>
  [['run_id', 'run', ...columns], ...dots.ids.map((id, i) => [id, dots.names[i] ?? '', ...columns.map((column) => String(dots.cols[column]?.[i] ?? ''))])].map((row) => row.map(csvCell).join(',')).join('\n')

function Values({ name, dots, columns, close }: { name: string; dots: Dots; columns: readonly string[]; close: () => void }) {
  return (
    <Dialog label={`${name}: table`} close={close} className="wide">
      <div class="top"><h2 class="m cut">{name}</h2><span class="x" /><button class="btn" onClick={close}>Close<kbd>esc</kbd></button></div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Values">
        <table>
          <thead><tr><th scope="col">run</th>{columns.map((column) => <th key={column} scope="col" class="r">{titleOf(column)}</th>)}</tr></thead>
          <tbody>{dots.ids.map((id, i) => <tr key={id}><td><span class="nm"><Peg run={id} status={dots.status[i] ?? ''} />{dots.names[i]}</span></td>{columns.map((column) => <td key={column} class="r">{shownCell(dots.cols[column]?.[i] ?? null)}</td>)}</tr>)}</tbody>
        </table>
      </div>
    </Dialog>
  )
}

interface Brushed {
  axis: Axis
  from: number
  to: number
}

interface Area {
  left: number
  top: number
  width: number
  height: number
}

/** Draw a part of a picture with the pointer: of both axes, of y, or of the one axis next to it. */
function useBrush(box: { current: HTMLDivElement | null }, drawn: { current: Drawn | undefined }, axes: readonly Axis[], told?: (found: Brushed[]) => void) {
  const [area, setArea] = useState<Area>()
  const start = useRef<{ x: number; y: number }>(undefined)
  const place = (event: PointerEvent) => {
    const { left, top } = box.current!.getBoundingClientRect()
    const within = drawn.current!.box
    return { x: Math.min(within.right, Math.max(within.left, event.clientX - left)), y: Math.min(within.bottom, Math.max(within.top, event.clientY - top)) }
  }
  const axisAt = (x: number): number => {
    const { left, right } = drawn.current!.box
    return Math.round(((x - left) / (right - left)) * (axes.length - 1))
  }
  const cancel = () => { start.current = undefined; setArea(undefined) }
  /** What was drawn from the start to a place; undefined if that is hardly anything. */
  const areaTo = (to: { x: number; y: number }): Area | undefined => {
    const from = start.current
    if (!from || !drawn.current) return undefined
    const { box: within, brush } = drawn.current
    const [top, height] = [Math.min(from.y, to.y), Math.abs(to.y - from.y)]
    if (height < DRAG && Math.abs(to.x - from.x) < DRAG) return undefined
    if (brush === 'both') return { left: Math.min(from.x, to.x), width: Math.abs(to.x - from.x), top, height }
    if (brush === 'y') return { left: within.left, width: within.right - within.left, top, height }
    return { left: within.left + (axisAt(from.x) / Math.max(1, axes.length - 1)) * (within.right - within.left) - 8, width: 16, top, height }
  }
  return {
    area, cancel,
    down: (event: PointerEvent) => {
      if (!told || event.button || event.pointerType === 'touch' || !drawn.current || drawn.current.brush === 'none') return
      start.current = place(event)
      box.current!.setPointerCapture(event.pointerId)
    },
    move: (event: PointerEvent) => {
      if (start.current && drawn.current) setArea(areaTo(place(event)))
    },
    up: (event: PointerEvent) => {
      const from = start.current
      const found = from && drawn.current && areaTo(place(event))
      cancel()
      if (!found || !from || !drawn.current) return
      const { box: within, brush } = drawn.current
      const part = (y: number) => (within.bottom - y) / (within.bottom - within.top)
      const along = (x: number) => (x - within.left) / (within.right - within.left)
      const ofY = { from: part(found.top + found.height), to: part(found.top) }
      if (brush === 'axes') told?.([{ axis: axes[axisAt(from.x)]!, ...ofY }])
      else if (brush === 'y') told?.([{ axis: axes[1]!, ...ofY }])
      else told?.([{ axis: axes[0]!, from: along(found.left), to: along(found.left + found.width) }, { axis: axes[1]!, ...ofY }])
    },
  }
}
