/** Axes of pictures whose points are runs: metrics, parameters, tags; numbers or texts. */
import { parseColumn, quotedColumn, quotedValue, titleOf } from '../../core/columns'
import { columnOf, isNumeric } from '../../core/format'
import { withTerm } from '../../core/grammar'
import { fraction, type Scale, ticks, valueAt, yLabels } from './scale'

export type Cell = string | number | null

/** Runs with what is known of them, in columns of the same length. */
export interface Dots {
  ids: readonly string[]
  names: readonly string[]
  status: readonly string[]
  cols: Readonly<Record<string, readonly Cell[]>>
}

export interface Axis {
  column: string
  title: string
  /** Of numbers. */
  scale?: Scale
  /** Of texts: the different ones, in order. */
  texts: readonly string[]
  /** How far along it each run lies, 0 … 1; undefined: it has no finite value. */
  at: readonly (number | undefined)[]
  ticks: readonly { at: number; label: string }[]
}

/** From how many times as much as the least on an axis of parameters is logarithmic. */
const WIDE = 100
const MOST_TEXTS = 30
const PAD = 0.04

const ODD = ['NaN', 'Infinity', '-Infinity']
const asNumber = (cell: Cell): number | null =>
  typeof cell === 'string' ? (ODD.includes(cell) || isNumeric(cell) ? Number(cell) : null) : cell

/** The axis of a column: of numbers if all that is there is numbers. */
export function axisOf(column: string, cells: readonly Cell[], n: number, log?: boolean): Axis {
  const title = titleOf(column)
  const there = cells.filter((cell) => cell !== null && cell !== undefined && cell !== '')
  const isNumber = parseColumn(column).kind === 'metrics' || there.every((cell) => asNumber(cell) !== null)
  if (!isNumber) return texts(column, title, cells)
  const values = cells.map((cell) => (cell === null || cell === undefined ? null : asNumber(cell)))
  const finite = values.filter((value): value is number => value !== null && Number.isFinite(value))
  let lo = Math.min(...finite)
  let hi = Math.max(...finite)
  if (!finite.length) [lo, hi] = [0, 1]
  const isLog = lo > 0 && (log ?? (parseColumn(column).kind === 'params' && hi / lo >= WIDE))
  if (lo === hi) [lo, hi] = isLog ? [lo / 2, hi * 2] : [lo - (Math.abs(lo) * 0.1 || 1), hi + (Math.abs(hi) * 0.1 || 1)]
  const scale = isLog ? { lo: lo / (hi / lo) ** PAD, hi: hi * (hi / lo) ** PAD, log: true } : { lo: lo - (hi - lo) * PAD, hi: hi + (hi - lo) * PAD }
  const places = ticks(scale, n)
  const labels = yLabels(places, isLog)
  return { column, title, scale, texts: [], at: values.map((value) => (value === null || !Number.isFinite(value) ? undefined : fraction(scale, value))), ticks: places.map((value, i) => ({ at: fraction(scale, value), label: labels[i]! })) }
}

function texts(column: string, title: string, cells: readonly Cell[]): Axis {
  const known = [...new Set(cells.filter((cell) => cell !== null && cell !== undefined).map(String))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).slice(0, MOST_TEXTS)
  const place = new Map(known.map((text, i) => [text, (i + 0.5) / known.length]))
  return { column, title, texts: known, at: cells.map((cell) => (cell === null ? undefined : place.get(String(cell)))), ticks: known.map((label) => ({ at: place.get(label)!, label })) }
}

const outward = (value: number, up: boolean): string => {
  const digits = 10 ** (3 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return String(+((up ? Math.ceil(value * digits) : Math.floor(value * digits)) / digits).toPrecision(6))
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** A filter with the part of an axis that was brushed, in place of what was brushed on it before. */
export function brushed(q: string, axis: Axis, cells: readonly Cell[], from: number, to: number): string {
  const column = quotedColumn(axis.column)
  const name = escaped(column)
  const term = termOf(axis, cells, column, from, to)
  if (!term) return q
  const before = new RegExp(`${name} >= [-\\d.e+]+ and ${name} <= [-\\d.e+]+|${name} in \\((?:'[^']*'|"[^"]*"|, )*\\)`, 'i')
  return before.test(q) ? q.replace(before, () => term) : withTerm(q, term)
}

function termOf({ column, scale, at }: Axis, cells: readonly Cell[], quoted: string, from: number, to: number): string {
  const { kind } = parseColumn(column)
  if (scale && (kind === 'metrics' || kind === 'attributes')) return `${quoted} >= ${outward(valueAt(scale, from), false)} and ${quoted} <= ${outward(valueAt(scale, to), true)}`
  // Parameters are texts to the server: those that lie within are named.
  const within = new Set<string>()
  at.forEach((place, i) => place !== undefined && place >= from && place <= to && within.add(String(cells[i])))
  const named = [...within].filter((text) => !(text.includes("'") && text.includes('"')))
  return named.length ? `${quoted} in (${named.sort().map(quotedValue).join(', ')})` : ''
}

/** A value as people read it, beside the pointer. */
export const shownCell = (cell: Cell): string => (cell === null || cell === undefined ? '–' : typeof cell === 'number' ? columnOf([cell])(cell) : cell)
