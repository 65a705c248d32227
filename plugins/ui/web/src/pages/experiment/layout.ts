/** Which columns stand where, how wide, and how their values are written. */
import { num } from '../../core/num'
import { DATASETS, type Kind, parseColumn, titleOf } from '../../core/columns'
import { columnOf as numbersOf, exact, type Format, isNumeric } from '../../core/format'
import { age, duration, stamp } from '../../core/times'
import { lineOf } from '../../parts/plain'
import type { Cell, RunRow } from './rows'

export const SPARK = 'spark'
export const NOTE = 'tags.mlflow.note.content'
/** The width of a letter of the table's type, in px. */
const LETTER = 7.22
const PAD = 16
const GAP = 16
const LEAST = 48
const MOST_TEXT = 220
const MOST_DATASETS = 400
const MOST_DIGITS = 8
const SPARK_WIDTH = 108

export interface Col {
  /** 'metrics.acc', or 'spark'. */
  name: string
  kind: Kind | 'spark'
  title: string
  width: number
  right: boolean
  /** The first one of another kind: it stands apart. */
  apart: boolean
  format: (value: Cell, row?: RunRow) => string
  /** The exact value, for titles and copies. */
  exact: (value: Cell, row?: RunRow) => string
}

const RANK = (name: string): number => {
  const { kind, key } = parseColumn(name)
  if (name === NOTE) return 9
  return kind === 'metrics' ? 0 : kind === 'params' ? 2 : kind === 'tags' ? 3 : key === 'duration' ? 5 : key === 'start_time' ? 6 : 4
}

/** The order of columns that the server chose: metrics, params, tags, times, note. */
export const arranged = (chosen: readonly string[]): string[] => [...chosen].sort((a, b) => RANK(a) - RANK(b))

/** Put the curves behind the last metric. */
export function withSpark(names: readonly string[], spark: string): string[] {
  if (!spark) return [...names]
  const last = names.reduce((found, name, i) => (name.startsWith('metrics.') ? i : found), -1)
  return [...names.slice(0, last + 1), SPARK, ...names.slice(last + 1)]
}

const asText = (value: Cell): string => (value === null || value === undefined ? '' : String(value))

export function layout(names: readonly string[], values: (column: string) => readonly Cell[], spark: string, sorted: string): Col[] {
  let before = ''
  return names.map((name) => {
    const col = name === SPARK ? curves(spark) : column(name, values(name), name === sorted)
    const group = col.kind === 'tags' && col.name === NOTE ? 'note' : col.kind
    const apart = before !== '' && group !== before
    before = group
    return { ...col, apart, width: Math.ceil(col.width + (apart ? GAP : 0)) }
  })
}

const curves = (spark: string): Col => ({
  name: SPARK, kind: 'spark', title: `${spark} by step`, width: Math.max(SPARK_WIDTH, (spark.length + 8) * LETTER + PAD), right: false, apart: true, format: () => '', exact: () => '',
})

function column(name: string, values: readonly Cell[], sorted: boolean): Col {
  const { kind, key } = parseColumn(name)
  const title = titleOf(name)
  const base = { name, kind, title, apart: false }
  const wide = (texts: readonly string[], most: number): number => {
    const longest = Math.max(title.length + (sorted ? 2 : 0), ...texts.map((text) => text.length))
    return Math.min(most, Math.max(LEAST, longest * LETTER + PAD))
  }
  if (name === 'attributes.duration')
    return { ...base, right: true, width: 76, format: (value, row) => duration(took(value, row)), exact: (value, row) => asText(took(value, row)) }
  if (kind === 'attributes' && /time$/.test(key))
    return { ...base, right: true, width: 56, format: (value) => age(num(value as number)), exact: (value) => stamp(num(value as number)) }
  if (kind === 'metrics') {
    const format: Format = numbersOf(values.map((value) => num(value as number)))
    const shown = (value: Cell) => (value === undefined ? '' : format(num(value as number)))
    return { ...base, right: true, width: Math.max(60, wide(values.map(shown), 160)), format: shown, exact: (value) => exact(num(value as number)) }
  }
  const texts = values.map(asText)
  const right = kind === 'params' && texts.some(Boolean) && texts.every((text) => !text || isNumeric(text))
  const format = right ? (value: Cell) => shortened(asText(value)) : name === DATASETS ? (value: Cell) => shortDigests(asText(value)) : name === NOTE ? (value: Cell) => lineOf(asText(value)) : asText
  return { ...base, right, width: wide(texts.map(format), name === DATASETS ? MOST_DATASETS : MOST_TEXT), format, exact: asText }
}

/** A number that was logged as a text: as it is, unless nobody reads that many digits. */
export const shortened = (text: string): string => (text.length > MOST_DIGITS && isNumeric(text) && !/^-?\d+$/.test(text) ? String(+Number(text).toPrecision(4)) : text)

/** The first letters of digests tell data apart; all of them stand in the title. */
const shortDigests = (text: string): string => text.replace(/@(\w{8})\w+(?=[, ]|$)/g, '@$1')

/** How long a run takes: until now, if it goes on. */
function took(value: Cell, row?: RunRow): number | null {
  const found = num(value as number)
  const began = row?.cell('attributes.start_time')
  return found === null && row?.status === 'RUNNING' && typeof began === 'number' ? Date.now() - began : found
}

/** The width of the names: what they need, never the rest of the screen. */
export function nameWidth(names: readonly { name: string; depth: number; children: number }[]): number {
  const longest = Math.max(8, ...names.map(({ name, depth, children }) => name.length + depth * 3 + (children ? 4 + String(children).length : 0)))
  return Math.ceil(Math.min(440, Math.max(180, 55 + longest * LETTER + 20)))
}
