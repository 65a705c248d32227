/** Draws a chart of lines with a pen: the same picture on a canvas and in an SVG. */
import { type Placed, placed } from './labels'
import type { Pen } from './pen'
import { fraction, type Scale, ticks, timeTicks, xLabel, yLabels } from './scale'
import { below, type Curve } from './series'

export interface Ink {
  surface: string
  hair: string
  line: string
  edge: string
  ink: string
  ink2: string
  ink3: string
  bad: string
  mono: string
}

export interface Line {
  /** Which run it belongs to; lines of a lit run are drawn above all others. */
  run: string
  name: string
  colour: string
  /** 0 solid, 1 dashed, 2 dotted. */
  dash: 0 | 1 | 2
  main: Curve
  raw?: Curve
  band?: { x: Curve['x']; min: Curve['y']; max: Curve['y'] }
  /** How strong it is when nothing is lit. */
  alpha: number
  /** Whether its end carries its name. */
  named: boolean
}

export interface Odd {
  kind: 'nan' | 'inf' | 'neginf'
  x: number
  name: string
}

export interface Picture {
  width: number
  height: number
  x: Scale
  y: Scale
  axis: string
  /** Most important first. */
  lines: readonly Line[]
  odd: readonly Odd[]
  lit: string
  /** Stale: all lines at half their strength. */
  stale: boolean
  /** Whether the picture has room for names at the right of its lines. */
  names: boolean
}

export interface Box {
  left: number
  right: number
  top: number
  bottom: number
}

const LETTER = 6.6
const TOP = 6
const BOTTOM = 20
const LEAST_LEFT = 36
const MOST_RIGHT = 150
const PER_Y_TICK = 34
const PER_X_TICK = 90
const MOST_RAW = 4
export const DASHES: readonly (readonly number[])[] = [[], [5, 3], [1.5, 3]]
const DIM = 0.22
/** From how many points a pixel on a line is a band of ups and downs. */
const DENSE = 0.5

/** Where in a picture the lines are, and the ticks of its y axis. */
export function boxOf(picture: Picture): { box: Box; yTicks: number[]; labels: string[] } {
  const isBlank = picture.lines.every((line) => !line.main.x.length)
  const yTicks = isBlank ? [] : ticks(picture.y, Math.max(2, Math.round((picture.height - TOP - BOTTOM) / PER_Y_TICK)))
  const labels = yLabels(yTicks, picture.y.log)
  const left = Math.max(LEAST_LEFT, Math.ceil(Math.max(0, ...labels.map((label) => label.length)) * LETTER) + 10)
  const longest = picture.names ? Math.max(0, ...picture.lines.filter((line) => line.named).map((line) => line.name.length)) : 0
  const most = Math.min(picture.width * 0.26, MOST_RIGHT)
  const right = longest ? Math.round(Math.min(longest * LETTER + 18, Math.max(most, 40))) : 12
  return { box: { left, right: picture.width - right, top: TOP, bottom: picture.height - BOTTOM }, yTicks, labels }
}

/**
 * What is drawn: `under` is all lines as they are while another is lit, which does not change with
 * the pointer; `over` is the lit line and the names; without a layer all is drawn.
 */
export type Layer = 'under' | 'over'

/** Draw a picture; returns where its lines are. */
export function paint(pen: Pen, picture: Picture, ink: Ink, layer?: Layer): Box {
  const { box, yTicks, labels } = boxOf(picture)
  const px = (value: number) => box.left + fraction(picture.x, value) * (box.right - box.left)
  const py = (value: number) => box.bottom - fraction(picture.y, value) * (box.bottom - box.top)
  pen.font = `11px ${ink.mono}`
  if (layer !== 'over') axes(pen, picture, ink, box, { yTicks, labels, px, py })
  pen.save()
  pen.beginPath()
  pen.rect(box.left, box.top - 4, picture.width - box.left, box.bottom - box.top + 4)
  pen.clip()
  const isLit = (line: Line) => picture.lit !== '' && line.run === picture.lit
  const anyLit = layer === 'under' || picture.lines.some(isLit)
  const lines = [...picture.lines].reverse()
  const order = layer === 'under' ? lines : layer === 'over' ? lines.filter(isLit) : lines.sort((a, b) => Number(isLit(a)) - Number(isLit(b)))
  for (const line of order) {
    const lit = layer !== 'under' && isLit(line)
    const strength = (picture.stale ? 0.5 : 1) * (anyLit ? (lit ? 1 : DIM) : line.alpha)
    oneLine(pen, line, picture, ink, { px, py, lit, strength, raw: lit || (!anyLit && picture.lines.length <= MOST_RAW) })
  }
  pen.restore()
  pen.globalAlpha = 1
  if (layer === 'under') return box
  oddTicks(pen, picture, ink, box, px)
  if (picture.names) names(pen, picture, ink, box, px, py)
  return box
}

function oneLine(pen: Pen, line: Line, picture: Picture, ink: Ink, { px, py, lit, strength, raw }: { px: Place; py: Place; lit: boolean; strength: number; raw: boolean }): void {
  if (line.band) band(pen, line, px, py, strength)
  if (line.raw && raw) {
    pen.globalAlpha = 0.25 * strength
    pen.lineWidth = 1
    stroke(pen, line.raw, line.colour, [], px, py, picture)
  }
  if (lit) {
    pen.globalAlpha = 0.9
    pen.lineWidth = 5
    stroke(pen, line.main, ink.surface, [], px, py, picture)
  }
  pen.globalAlpha = strength
  pen.lineWidth = lit ? 2.25 : 1.5
  stroke(pen, line.main, line.colour, DASHES[line.dash] ?? [], px, py, picture)
}

interface Marks {
  yTicks: readonly number[]
  labels: readonly string[]
  px: (value: number) => number
  py: (value: number) => number
}

function axes(pen: Pen, { x, axis, height }: Picture, ink: Ink, box: Box, { yTicks, labels, px, py }: Marks): void {
  pen.lineWidth = 1
  pen.fillStyle = ink.ink3
  pen.textAlign = 'right'
  yTicks.forEach((value, i) => {
    const y = Math.round(py(value)) + 0.5
    if (y < box.top - 1 || y > box.bottom + 1) return
    across(pen, box, y, ink.hair)
    pen.fillText(labels[i]!, box.left - 8, y + 3.5)
  })
  across(pen, box, box.bottom + 0.5, ink.line)
  const n = Math.max(2, Math.floor((box.right - box.left) / PER_X_TICK) + 1)
  const isTime = axis === 'time' || axis === 'relative'
  const xTicks = isTime ? timeTicks(x.lo, x.hi, n, axis === 'time') : ticks(x, n)
  const apart = (xTicks[1] ?? x.hi) - (xTicks[0] ?? x.lo)
  for (const value of xTicks) {
    const text = xLabel(value, axis, apart)
    const half = (text.length * LETTER) / 2
    const at = px(value)
    pen.textAlign = at - half < box.left ? 'left' : at + half > box.right ? 'right' : 'center'
    pen.fillText(text, Math.min(Math.max(at, box.left), box.right), height - 4)
  }
}

function across(pen: Pen, box: Box, y: number, colour: string): void {
  pen.strokeStyle = colour
  pen.beginPath()
  pen.moveTo(box.left, y)
  pen.lineTo(box.right, y)
  pen.stroke()
}

type Place = (value: number) => number

function stroke(pen: Pen, { x, y }: Curve, colour: string, dash: readonly number[], px: Place, py: Place, { x: window, y: range }: Picture): void {
  // One point beyond each end, so that a line that is cut off goes on to the edge.
  const from = Math.max(0, below(x, window.lo) - 1)
  const to = Math.min(x.length, below(x, window.hi, true) + 1)
  if (from >= to) return
  pen.strokeStyle = colour
  pen.setLineDash([...dash])
  pen.lineCap = dash.length ? 'butt' : 'round'
  if (to - from > (px(window.hi) - px(window.lo)) * DENSE) {
    // No corner of these is seen; a line of 1 px is drawn 30 times as fast as a wider one, and shows more of the others.
    pen.lineJoin = 'bevel'
    pen.lineWidth = pen.lineWidth < 2 ? 1 : pen.lineWidth
  } else pen.lineJoin = 'round'
  pen.beginPath()
  let open = false
  for (let i = from; i < to; i++) {
    const value = y[i]!
    if (range.log && value <= 0) {
      open = false
      continue
    }
    const at = py(value)
    if (open) pen.lineTo(px(x[i]!), at)
    else pen.moveTo(px(x[i]!), at)
    open = true
  }
  if (to - from === 1) {
    pen.save()
    pen.fillStyle = colour
    pen.beginPath()
    pen.arc(px(x[from]!), py(y[from]!), 2.5, 0, 7)
    pen.fill()
    pen.restore()
    return
  }
  pen.stroke()
  pen.setLineDash([])
}

function band(pen: Pen, { band: found, colour }: Line, px: Place, py: Place, strength: number): void {
  if (!found) return
  const { x, min, max } = found
  pen.globalAlpha = 0.13 * strength
  pen.fillStyle = colour
  pen.beginPath()
  for (let i = 0; i < x.length; i++) i ? pen.lineTo(px(x[i]!), py(max[i]!)) : pen.moveTo(px(x[i]!), py(max[i]!))
  for (let i = x.length - 1; i >= 0; i--) pen.lineTo(px(x[i]!), py(min[i]!))
  pen.closePath()
  pen.fill()
}

/** Values that are no numbers are marks on the edge: NaN and inf at the top, -inf at the bottom. */
function oddTicks(pen: Pen, { odd, x, width, lit, names }: Picture, ink: Ink, box: Box, px: Place): void {
  const seen = odd.filter((each) => each.x >= x.lo && each.x <= x.hi)
  // Where words have to end: at the picture's edge or the names of the lines, or at the next mark of the same edge.
  const until = (place: number, below: boolean) => Math.min(names ? box.right : width, ...seen.filter((each) => (each.kind === 'neginf') === below).map((each) => px(each.x) - 8).filter((other) => other > place))
  const named = { top: -Infinity, bottom: -Infinity }
  for (const { kind, x: at, name } of seen) {
    const place = px(at)
    const edge = kind === 'neginf' ? 'bottom' : 'top'
    const [y, tip] = kind === 'nan' ? [box.top - 4, box.top + 2] : kind === 'inf' ? [box.top + 2, box.top - 4] : [box.bottom - 6, box.bottom]
    pen.fillStyle = ink.bad
    pen.beginPath()
    pen.moveTo(place - 4, y)
    pen.lineTo(place + 4, y)
    pen.lineTo(place, tip)
    pen.closePath()
    pen.fill()
    if (place < named[edge]) continue
    const room = Math.min(24, Math.floor((until(place, edge === 'bottom') - place - 12) / LETTER))
    const short = { nan: 'NaN', inf: 'inf', neginf: '-inf' }[kind]
    const text = (width > 420 || lit) && room > short.length + 4 ? `${short} ${cutName(name, room - short.length - 1)}` : short
    // A line that ends there has its word before the mark.
    const from = room < short.length ? place - 8 - text.length * LETTER : place + 8
    if (from < Math.max(named[edge], box.left)) continue
    pen.fillStyle = ink.surface
    pen.fillRect(from - 2, kind === 'neginf' ? box.bottom - 13 : box.top - 5, text.length * LETTER + 4, 13)
    written(pen, ink, text, from, kind === 'neginf' ? box.bottom - 2 : box.top + 5, ink.ink2)
    named[edge] = Math.max(place, from + text.length * LETTER) + 8
  }
}

/** A name where there is little room: its middle goes, since runs differ in their last letters. */
export function cutName(name: string, room: number): string {
  const letters = [...name]
  if (letters.length <= room) return name
  if (room < 6) return `${letters.slice(0, Math.max(1, room - 1)).join('')}…`
  const tail = Math.min(4, Math.floor((room - 1) / 2))
  return `${letters.slice(0, room - 1 - tail).join('')}…${letters.slice(-tail).join('')}`
}

/** Text with a halo, so that it can be read above lines. */
function written(pen: Pen, ink: Ink, text: string, x: number, y: number, colour: string): void {
  pen.textAlign = 'left'
  pen.strokeStyle = ink.surface
  pen.lineWidth = 5
  pen.lineJoin = 'round'
  pen.strokeText(text, x, y)
  pen.fillStyle = colour
  pen.fillText(text, x, y)
}

function names(pen: Pen, picture: Picture, ink: Ink, box: Box, px: Place, py: Place): void {
  const lines = picture.lines.filter((line) => line.named && line.main.x.length)
  const ranked = [...lines].sort((a, b) => Number(b.run === picture.lit) - Number(a.run === picture.lit))
  const ends = ranked.map((line) => {
    // Where a zoomed line leaves the window it is named, too.
    const last = Math.max(0, below(line.main.x, picture.x.hi, true) - 1)
    return { name: line.name, x: px(line.main.x[last]!), y: py(line.main.y[last]!) }
  })
  const free = (index: number, x: number, y: number, width: number) =>
    picture.lines.every((line) => {
      if (line === ranked[index]) return true
      const { main } = line
      const from = picture.x.lo + ((x - box.left) / (box.right - box.left)) * (picture.x.hi - picture.x.lo)
      const to = picture.x.lo + ((x + width - box.left) / (box.right - box.left)) * (picture.x.hi - picture.x.lo)
      const end = below(main.x, to)
      for (let i = below(main.x, from); i < end; i++) if (Math.abs(py(main.y[i]!) - y) < 9) return false
      return true
    })
  const found = placed(ends, { left: box.left, right: box.right, top: box.top, bottom: box.bottom }, (name) => name.length * LETTER, free)
  for (const line of ranked) endDot(pen, line, picture, box, ends[ranked.indexOf(line)]!)
  for (const place of found) label(pen, ranked[place.index]!, place, ends[place.index]!, picture, ink, box)
}

function endDot(pen: Pen, line: Line, picture: Picture, box: Box, { x, y }: { x: number; y: number }): void {
  const anyLit = picture.lit !== '' && picture.lines.some((other) => other.run === picture.lit)
  if (y < box.top - 2 || y > box.bottom + 2 || x < box.left || (anyLit && line.run !== picture.lit) || picture.lines.length > 30) return
  if (x >= box.right - 1 && picture.lines.length > 8 && line.run !== picture.lit) return
  pen.fillStyle = line.colour
  pen.globalAlpha = picture.stale ? 0.5 : 1
  pen.beginPath()
  pen.arc(x, y, 2.5, 0, 7)
  pen.fill()
  pen.globalAlpha = 1
}

function label(pen: Pen, line: Line, place: Placed, end: { x: number; y: number }, picture: Picture, ink: Ink, box: Box): void {
  const lit = line.run === picture.lit
  const colour = lit ? ink.ink : ink.ink2
  pen.font = `${lit ? '500 ' : ''}11px ${ink.mono}`
  pen.lineWidth = 1
  if (place.early) {
    const dy = place.y - end.y
    if (Math.abs(dy) > 12) {
      pen.strokeStyle = ink.edge
      pen.beginPath()
      pen.moveTo(end.x, end.y + Math.sign(dy) * 4)
      pen.lineTo(end.x, place.y - Math.sign(dy) * 2)
      pen.lineTo(end.x + 4, place.y - Math.sign(dy) * 2)
      pen.stroke()
    }
    written(pen, ink, line.name, place.x, place.y + 4, colour)
  } else {
    const edge = box.right + 6
    if (end.x < edge - 8 || place.y !== end.y) {
      pen.strokeStyle = ink.line
      pen.beginPath()
      pen.moveTo(end.x + 4, end.y)
      pen.lineTo(Math.max(end.x + 4, edge - 6), end.y)
      pen.lineTo(edge - 1, place.y)
      pen.stroke()
    }
    pen.strokeStyle = line.colour
    pen.lineWidth = 2
    pen.lineCap = 'butt'
    pen.setLineDash([[], [4, 1], [2, 1.5]][line.dash] ?? [])
    pen.beginPath()
    pen.moveTo(edge + 1, place.y - 4)
    pen.lineTo(edge + 1, place.y + 5)
    pen.stroke()
    pen.setLineDash([])
    pen.fillStyle = colour
    pen.textAlign = 'left'
    const room = Math.floor((picture.width - edge - 6) / LETTER)
    pen.fillText(cutName(line.name, room), edge + 6, place.y + 4)
  }
  pen.font = `11px ${ink.mono}`
}
