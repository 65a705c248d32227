/** Pictures whose points are runs: scatter, parallel coordinates, boxes, bars; drawn with a pen. */
import { columnOf } from '../../core/format'
import type { Axis, Dots } from './axis'
import type { Box, Ink } from './paint'
import type { Pen } from './pen'
import { valueAt } from './scale'

export type Kind = 'scatter' | 'contour' | 'parallel' | 'box' | 'bar'

export interface Plot {
  kind: Kind
  width: number
  height: number
  axes: readonly Axis[]
  dots: Dots
  colours: readonly string[]
  /** How strong each run is when nothing is lit. */
  alpha: number
  lit: string
  /** The colour of the greatest, where colours mean values. */
  strong: string
  /** Of bars: the greatest at the top. */
  down: boolean
}

/** Where runs are in the picture, to be pointed at. */
export interface Hit {
  index: number
  x: number
  y: number
  /** Of bars: all of the row counts. */
  row?: number
}

export interface Drawn {
  box: Box
  hits: Hit[]
  /** Where the axes are that can be brushed: along x, y, or both. */
  brush: 'both' | 'y' | 'axes' | 'none'
  /** How many runs, or groups of them, are not shown for want of room. */
  more: number
}

const LETTER = 6.6
const DIM = 0.22
const ROW = 18

export function drawPlot(pen: Pen, plot: Plot, ink: Ink): Drawn {
  pen.font = `11px ${ink.mono}`
  pen.lineWidth = 1
  pen.globalAlpha = 1
  pen.setLineDash([])
  if (plot.kind === 'parallel') return parallel(pen, plot, ink)
  if (plot.kind === 'box') return boxes(pen, plot, ink)
  if (plot.kind === 'bar') return bars(pen, plot, ink)
  return scatter(pen, plot, ink)
}

const widest = (axis: Axis): number => Math.max(0, ...axis.ticks.map(({ label }) => label.length)) * LETTER
const cut = (text: string, room: number): string => {
  const most = Math.max(2, Math.floor(room / LETTER))
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

function line(pen: Pen, x1: number, y1: number, x2: number, y2: number, colour: string): void {
  pen.strokeStyle = colour
  pen.beginPath()
  pen.moveTo(x1, y1)
  pen.lineTo(x2, y2)
  pen.stroke()
}

function yAxis(pen: Pen, axis: Axis, ink: Ink, box: Box): (part: number) => number {
  const y = (part: number) => box.bottom - part * (box.bottom - box.top)
  pen.textAlign = 'right'
  pen.fillStyle = ink.ink3
  for (const { at, label } of axis.ticks) {
    const place = Math.round(y(at)) + 0.5
    if (place < box.top - 1 || place > box.bottom) continue
    line(pen, box.left, place, box.right, place, ink.hair)
    pen.fillText(cut(label, box.left - 12), box.left - 8, place + 3.5)
  }
  line(pen, box.left, box.bottom + 0.5, box.right, box.bottom + 0.5, ink.line)
  return y
}

function dot(pen: Pen, x: number, y: number, colour: string, lit: boolean, alpha: number, ink: Ink): void {
  if (lit) {
    pen.globalAlpha = 0.9
    pen.fillStyle = ink.surface
    pen.beginPath()
    pen.arc(x, y, 8, 0, 7)
    pen.fill()
  }
  pen.globalAlpha = lit ? 1 : alpha
  pen.fillStyle = colour
  pen.beginPath()
  pen.arc(x, y, lit ? 5.5 : 4, 0, 7)
  pen.fill()
  pen.globalAlpha = 1
}

/** Runs from the last to the first, so that the first lie on top; the lit one above all. */
function ordered({ dots, lit }: Plot): number[] {
  const order = dots.ids.map((_, i) => i).reverse()
  const at = lit ? order.indexOf(dots.ids.indexOf(lit)) : -1
  if (at >= 0) order.push(...order.splice(at, 1))
  return order
}

const strength = ({ dots, lit, alpha }: Plot, index: number): number => (lit && dots.ids.includes(lit) ? (dots.ids[index] === lit ? 1 : DIM) : alpha)

function scatter(pen: Pen, plot: Plot, ink: Ink): Drawn {
  const [xs, ys] = plot.axes as [Axis, Axis]
  const box = { left: Math.max(36, Math.min(widest(ys), plot.width * 0.3) + 12), right: plot.width - 12, top: 8, bottom: plot.height - 22 }
  const y = yAxis(pen, ys, ink, box)
  const x = (part: number) => box.left + part * (box.right - box.left)
  const room = (box.right - box.left) / Math.max(1, xs.ticks.length)
  let free = -Infinity
  for (const { at, label } of xs.ticks) {
    const text = cut(label, room + 20)
    const half = (text.length * LETTER) / 2
    if (x(at) - half < free) continue
    pen.fillStyle = ink.ink3
    pen.textAlign = x(at) - half < box.left - 4 ? 'left' : x(at) + half > plot.width ? 'right' : 'center'
    pen.fillText(text, x(at), plot.height - 6)
    free = x(at) + half + 6
  }
  const third = plot.axes[2]
  if (third) contour(pen, plot, [xs, ys, third], box, ink)
  const hits: Hit[] = []
  for (const index of ordered(plot)) {
    const [px, py] = [xs.at[index], ys.at[index]]
    if (px === undefined || py === undefined) continue
    dot(pen, x(px), y(py), plot.colours[index]!, plot.dots.ids[index] === plot.lit, strength(plot, index), ink)
    hits.push({ index, x: x(px), y: y(py) })
  }
  return { box, hits, brush: 'both', more: plot.dots.ids.length - hits.length }
}

export const LEVELS = 9
const CELL = 6
/** How soon what is far counts less: Shepard's inverse distance weighting. */
const POWER = 3

/** A value between values at places: the nearer, the more it counts; undefined if there are none. */
export function between(places: readonly { x: number; y: number; z: number }[], x: number, y: number): number | undefined {
  let sum = 0
  let weights = 0
  for (const place of places) {
    const away = (place.x - x) ** 2 + (place.y - y) ** 2
    if (away < 1e-9) return place.z
    const weight = 1 / away ** (POWER / 2)
    sum += weight * place.z
    weights += weight
  }
  return weights ? sum / weights : undefined
}

/** The third axis as colours from grey to the accent, in levels, between the runs. */
function contour(pen: Pen, plot: Plot, [xs, ys, zs]: [Axis, Axis, Axis], box: Box, ink: Ink): void {
  const places = plot.dots.ids.flatMap((_, i) => {
    const [x, y, z] = [xs.at[i], ys.at[i], zs.at[i]]
    return x === undefined || y === undefined || z === undefined ? [] : [{ x, y, z }]
  })
  if (places.length < 3) return
  const wide = box.right - box.left
  const tall = box.bottom - box.top
  const shade = (level: number) => {
    pen.globalAlpha = 0.06 + 0.5 * (level / (LEVELS - 1))
    pen.fillStyle = plot.strong
  }
  const levelAt = (left: number, top: number): number => {
    const z = left < wide ? between(places, (left + CELL / 2) / wide, 1 - (top + CELL / 2) / tall) : undefined
    return z === undefined ? -1 : Math.min(LEVELS - 1, Math.floor(z * LEVELS))
  }
  for (let top = 0; top < tall; top += CELL) {
    let level = levelAt(0, top)
    let from = 0
    for (let left = CELL; from < wide; left += CELL) {
      const next = levelAt(left, top)
      if (next === level) continue
      shade(level)
      const to = Math.min(left, wide)
      if (level >= 0) pen.fillRect(box.left + from, box.top + top, to - from, Math.min(CELL, tall - top))
      level = next
      from = to
    }
  }
  pen.globalAlpha = 1
  legend(pen, zs, box, ink, shade)
}

/** What the colours mean: the least, the levels, the greatest. */
function legend(pen: Pen, { title, ticks }: Axis, box: Box, ink: Ink, shade: (level: number) => void): void {
  const text = `${cut(title, 120)} ${ticks[0]?.label ?? ''} `
  const greatest = ticks.at(-1)?.label ?? ''
  const levels = LEVELS * 5
  const width = (text.length + greatest.length + 1) * LETTER + levels + 8
  const x = box.left + 8 + text.length * LETTER
  pen.fillStyle = ink.surface
  pen.fillRect(box.left + 4, box.top + 4, width, 16)
  for (let level = 0; level < LEVELS; level++) {
    shade(level)
    pen.fillRect(x + level * 5, box.top + 8, 5, 8)
  }
  pen.globalAlpha = 1
  pen.fillStyle = ink.ink2
  pen.textAlign = 'left'
  pen.fillText(text, box.left + 8, box.top + 16)
  pen.fillText(greatest, x + levels + 4, box.top + 16)
}

function parallel(pen: Pen, plot: Plot, ink: Ink): Drawn {
  const { axes } = plot
  const first = Math.max(16, Math.min(axes[0] ? widest(axes[0]) : 0, 120) + 14)
  const box = { left: first, right: plot.width - 48, top: 26, bottom: plot.height - 10 }
  const x = (i: number) => box.left + (i / Math.max(1, axes.length - 1)) * (box.right - box.left)
  const y = (part: number) => box.bottom - part * (box.bottom - box.top)
  const hits: Hit[] = []
  pen.lineJoin = 'round'
  for (const index of ordered(plot)) {
    const places = axes.map((axis, i) => ({ x: x(i), part: axis.at[index] }))
    const isLit = plot.dots.ids[index] === plot.lit
    const path = () => {
      pen.beginPath()
      let open = false
      for (const place of places) {
        if (place.part === undefined) open = false
        else if (open) pen.lineTo(place.x, y(place.part))
        else {
          pen.moveTo(place.x, y(place.part))
          open = true
        }
      }
      pen.stroke()
    }
    if (isLit) {
      pen.strokeStyle = ink.surface
      pen.lineWidth = 5
      path()
    }
    pen.globalAlpha = strength(plot, index)
    pen.strokeStyle = plot.colours[index]!
    pen.lineWidth = isLit ? 2.25 : 1.25
    path()
    pen.globalAlpha = 1
    for (const place of places) if (place.part !== undefined) hits.push({ index, x: place.x, y: y(place.part) })
  }
  pen.lineWidth = 1
  axes.forEach((axis, i) => {
    line(pen, Math.round(x(i)) + 0.5, box.top - 4, Math.round(x(i)) + 0.5, box.bottom + 4, ink.edge)
    const room = (box.right - box.left) / Math.max(1, axes.length - 1) - 12
    pen.textAlign = i === 0 ? 'left' : i === axes.length - 1 ? 'right' : 'center'
    pen.fillStyle = ink.ink
    pen.fillText(cut(axis.title, room), i === 0 ? 0 : i === axes.length - 1 ? plot.width : x(i), 12)
    pen.textAlign = i === 0 ? 'right' : 'left'
    let free = Infinity
    for (const { at, label } of axis.ticks) {
      if (y(at) > free) continue
      const [tx, text] = [i === 0 ? x(i) - 8 : x(i) + 6, cut(label, i === 0 ? first - 12 : Math.min(room, 90))]
      pen.strokeStyle = ink.surface
      pen.lineWidth = 4
      pen.strokeText(text, tx, y(at) + 3.5)
      pen.lineWidth = 1
      pen.fillStyle = ink.ink3
      pen.fillText(text, tx, y(at) + 3.5)
      free = y(at) - 12
    }
  })
  return { box, hits, brush: 'axes', more: 0 }
}

export interface Spread {
  low: number
  q1: number
  median: number
  q3: number
  high: number
}

/** Quartiles of values, and how far they go within 1.5 times the distance between them (Tukey). */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part: number) => {
    const place = part * (sorted.length - 1)
    const low = Math.floor(place)
    return sorted[low]! + (place - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!)
  }
  const [q1, median, q3] = [at(0.25), at(0.5), at(0.75)]
  const reach = 1.5 * (q3 - q1)
  return { q1, median, q3, low: sorted.find((value) => value >= q1 - reach) ?? q1, high: [...sorted].reverse().find((value) => value <= q3 + reach) ?? q3 }
}

/** The groups of runs along an axis: its texts, or its different numbers. */
export function groupsOf(axis: Axis, dots: Dots): { label: string; members: number[] }[] {
  const found = new Map<string, number[]>()
  axis.at.forEach((_, i) => {
    const cell = dots.cols[axis.column]?.[i]
    const label = cell === null || cell === undefined ? '–' : String(cell)
    found.set(label, [...(found.get(label) ?? []), i])
  })
  return [...found].map(([label, members]) => ({ label, members })).sort((a, b) => a.label.localeCompare(b.label, 'en', { numeric: true }))
}

function boxes(pen: Pen, plot: Plot, ink: Ink): Drawn {
  const [groups, ys] = plot.axes as [Axis, Axis]
  const box = { left: Math.max(36, widest(ys) + 12), right: plot.width - 12, top: 8, bottom: plot.height - 22 }
  const y = yAxis(pen, ys, ink, box)
  const found = groupsOf(groups, plot.dots)
  const room = (box.right - box.left) / Math.max(1, found.length)
  const half = Math.min(28, room * 0.35)
  const hits: Hit[] = []
  found.forEach(({ label, members }, i) => {
    const x = box.left + (i + 0.5) * room
    const there = members.filter((index) => ys.at[index] !== undefined)
    pen.fillStyle = ink.ink3
    pen.textAlign = 'center'
    pen.fillText(cut(label, room - 4), x, plot.height - 6)
    if (!there.length) return
    const { low, q1, median, q3, high } = spreadOf(there.map((index) => ys.at[index]!))
    line(pen, x, y(low), x, y(q1), ink.edge)
    line(pen, x, y(q3), x, y(high), ink.edge)
    pen.fillStyle = ink.hair
    pen.fillRect(x - half, y(q3), 2 * half, Math.max(1, y(q1) - y(q3)))
    pen.beginPath()
    pen.rect(x - half, y(q3), 2 * half, Math.max(1, y(q1) - y(q3)))
    pen.strokeStyle = ink.edge
    pen.stroke()
    pen.lineWidth = 2
    line(pen, x - half, y(median), x + half, y(median), ink.ink)
    pen.lineWidth = 1
    there.forEach((index, n) => {
      const px = x + (there.length < 2 ? 0 : ((n % 7) / 6 - 0.5) * half)
      const isLit = plot.dots.ids[index] === plot.lit
      dot(pen, px, y(ys.at[index]!), plot.colours[index]!, isLit, strength(plot, index) * (isLit ? 1 : 0.8), ink)
      hits.push({ index, x: px, y: y(ys.at[index]!) })
    })
  })
  return { box, hits, brush: 'y', more: 0 }
}

/** How many bars a height has room for. */
export const fitting = (height: number): number => Math.max(1, Math.floor((height - 8) / ROW))

/** Bars begin at zero: their lengths are what they say. */
function bars(pen: Pen, plot: Plot, ink: Ink): Drawn {
  const [axis] = plot.axes as [Axis]
  const values = axis.at.map((part) => (part === undefined || !axis.scale ? undefined : valueAt(axis.scale, part)))
  const order = values.flatMap((value, i) => (value === undefined ? [] : [i])).sort((a, b) => (plot.down ? -1 : 1) * (values[a]! - values[b]!))
  const format = columnOf(order.map((i) => values[i]!))
  const longest = Math.max(0, ...plot.dots.names.map((name) => name.length)) * LETTER
  const box = { left: Math.min(longest + 12, plot.width * 0.42), right: plot.width - 60, top: 4, bottom: plot.height - 4 }
  const shown = order.slice(0, fitting(plot.height))
  const lo = Math.min(0, ...shown.map((i) => values[i]!))
  const hi = Math.max(0, ...shown.map((i) => values[i]!))
  const x = (value: number) => box.left + ((value - lo) / (hi - lo || 1)) * (box.right - box.left)
  const hits = shown.map((index, i) => {
    const y = box.top + i * ROW
    const isLit = plot.dots.ids[index] === plot.lit
    const [from, to] = [Math.min(x(0), x(values[index]!)), Math.max(x(0), x(values[index]!))]
    pen.globalAlpha = strength(plot, index)
    pen.fillStyle = plot.colours[index]!
    pen.fillRect(from, y + 4, Math.max(1, to - from), ROW - 8)
    pen.globalAlpha = 1
    pen.font = `${isLit ? '500 ' : ''}11px ${ink.mono}`
    pen.fillStyle = isLit ? ink.ink : ink.ink2
    pen.textAlign = 'right'
    pen.fillText(cut(plot.dots.names[index] ?? '', box.left - 10), box.left - 8, y + ROW / 2 + 4)
    pen.textAlign = 'left'
    pen.fillText(format(values[index]!), to + 6, y + ROW / 2 + 4)
    return { index, x: to, y: y + ROW / 2, row: ROW / 2 }
  })
  line(pen, Math.round(x(0)) + 0.5, box.top, Math.round(x(0)) + 0.5, box.top + shown.length * ROW, ink.line)
  return { box, hits, brush: 'none', more: order.length - shown.length }
}

/** The run next to a place; undefined if none is near. */
export function nearest(hits: readonly Hit[], x: number, y: number, reach = 14): Hit | undefined {
  let best: Hit | undefined
  let least = reach * reach
  for (const hit of hits) {
    if (hit.row !== undefined) {
      if (Math.abs(hit.y - y) <= hit.row) return hit
      continue
    }
    const away = (hit.x - x) ** 2 + (hit.y - y) ** 2
    if (away < least) [least, best] = [away, hit]
  }
  return best
}
