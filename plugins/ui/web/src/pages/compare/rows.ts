/** The rows of a comparison as people read them: sections, numbers, differences, copies. */
import { type Num, num } from '../../core/api'
import { columnOf, exact, type Format, signed } from '../../core/format'
import { duration, stamp } from '../../core/times'
import { lineOf } from '../../parts/plain'

export interface Run {
  run_id: string
  name: string
  status: string
  experiment_id: string
  start_time: number
  end_time: number | null
  user: string
  deleted: boolean
  commit: string
  repository: string
}

export type Kind = 'metrics' | 'params' | 'tags' | 'attributes'

export interface Row {
  column: string
  kind: Kind
  direction?: 'max' | 'min' | 'none'
  differs: boolean
  values: (Num | string)[]
  delta: (Num | null)[] | null
  better: (1 | 0 | -1 | null)[] | null
  cut?: boolean
}

export interface Answer {
  runs: Run[]
  rows: Row[]
  experiments: Record<string, string>
  missing: string[]
  headline: string | null
  baseline: string | null
  total: number
  matched: number
  differing: number
  kinds: Partial<Record<Kind, { total: number; differing: number }>>
}

export type Item = { head: string; kind: Kind } | { row: Row }

const ORDER: Kind[] = ['metrics', 'params', 'attributes', 'tags']
const TITLES: Record<string, string> = { duration: 'took', start_time: 'started', user_id: 'by', experiment_id: 'experiment' }

export const keyOf = (column: string): string => column.slice(column.indexOf('.') + 1)
/** The name of a row: a run's own attributes have short ones, and so has what MLflow writes. */
export function titleOf(row: Row): string {
  const key = keyOf(row.column)
  if (row.kind === 'attributes') return TITLES[key] ?? key
  return row.kind === 'tags' ? key.replace(/^mlflow\.note\.content$/, 'note').replace(/^mlflow\./, '') : key
}

function headOf(kind: Kind, shown: number, answer: Answer, diff: boolean): string {
  const all = answer.kinds[kind]?.total ?? shown
  const part = diff && all !== shown ? ` that differ, ${shown} of ${all}` : ''
  return { metrics: 'Metrics, last value', params: `Parameters${part}`, attributes: 'Run', tags: `Tags${part}` }[kind]
}

/** Sections with their rows, the headline metric first; `find` is a part of a key. */
export function itemsOf(answer: Answer, diff: boolean, find = ''): Item[] {
  const wanted = find.toLowerCase()
  const items: Item[] = []
  for (const kind of ORDER) {
    const rows = answer.rows.filter((row) => row.kind === kind && titleOf(row).toLowerCase().includes(wanted))
    if (kind === 'metrics') rows.sort((a, b) => rank(a, answer) - rank(b, answer))
    if (rows.length) items.push({ head: headOf(kind, rows.length, answer, diff && !find), kind })
    for (const row of rows) items.push({ row })
  }
  return items
}

const rank = (row: Row, answer: Answer): number => (keyOf(row.column) === answer.headline ? 0 : row.column.startsWith('metrics.system/') ? 2 : 1)

/** What all cells of a row share is worked out once for the row: 100 runs have 100 cells. */
function once<T extends {} | null>(make: (row: Row) => T): (row: Row) => T {
  const known = new WeakMap<Row, T>()
  return (row) => {
    let found = known.get(row)
    if (found === undefined) known.set(row, (found = make(row)))
    return found
  }
}

/** How the numbers of a metric are shown; the zero before the point goes where all are below one. */
export const formatOf = once((row): Format => columnOf(row.kind === 'metrics' ? row.values.map((value) => num(value as Num)) : []))
const isWhole = once((row): boolean => row.values.every((value) => value === null || Number.isInteger(value)))

/** One value of a row. */
export function textOf(row: Row, i: number, format: Format = formatOf(row)): string {
  const value = row.values[i]
  if (value === null || value === undefined) return '–'
  if (row.kind === 'metrics') return format(num(value as Num))
  switch (row.column) {
    case 'attributes.status':
      return String(value).toLowerCase()
    case 'attributes.duration':
      return duration(value as number)
    case 'attributes.start_time':
      return stamp(value as number)
    case 'tags.mlflow.note.content':
      return lineOf(String(value))
    default:
      return String(value)
  }
}

/** A value as it is, for titles and copies. */
export function plainOf(row: Row, i: number): string {
  const value = row.values[i]
  if (value === null || value === undefined) return ''
  return row.kind === 'metrics' ? exact(num(value as Num)) : row.column === 'attributes.duration' || row.column === 'attributes.start_time' ? textOf(row, i) : String(value)
}

/** Whole numbers of some size differ by a share, all others by an amount. */
export function deltaOf(row: Row, i: number, base: number, format: Format = formatOf(row)): string {
  const delta = num(row.delta?.[i] ?? null)
  if (delta === null) return ''
  if (delta === 0) return 'same'
  const than = num(row.values[base] as Num)
  if (isWhole(row) && than !== null && Math.abs(than) >= 100 && Number.isFinite(delta)) {
    const share = (delta / Math.abs(than)) * 100
    return `${signed(share, (value) => (value ?? 0).toFixed(1))} %`
  }
  return signed(delta, format)
}

/** Which run has the best value of a metric; -1 where none is better, or nobody knows. */
export const bestOf = once((row): number => {
  if (row.kind !== 'metrics' || !row.differs || row.direction === 'none') return -1
  const sign = row.direction === 'min' ? -1 : 1
  let best = -1
  let most = -Infinity
  row.values.forEach((value, i) => {
    const found = num(value as Num)
    if (found !== null && !Number.isNaN(found) && found * sign > most) {
      most = found * sign
      best = i
    }
  })
  return best
})

/** Whether a text differs from the baseline's, so that it is marked. */
export const isOdd = (row: Row, i: number, base: number): boolean => row.kind !== 'metrics' && row.differs && i !== base && row.values[i] !== row.values[base] && row.column !== 'attributes.status' && row.column !== 'attributes.start_time' && row.column !== 'attributes.duration'

/** All that is shown as rows of cells, the keys in front. */
export function cellsOf(answer: Answer, items: readonly Item[]): string[][] {
  const rows = items.flatMap((item) => ('row' in item ? [[item.row.column, ...item.row.values.map((_, i) => plainOf(item.row, i))]] : []))
  return [['key', ...answer.runs.map((run) => run.name)], ...rows]
}

export const flipped = (cells: readonly string[][]): string[][] => (cells[0] ?? []).map((_, i) => cells.map((row) => row[i] ?? ''))

const escaped = (text: string): string => text.replace(/[\\|`*_<>[\]]/g, '\\$&').replace(/\s*[\r\n]+\s*/g, ' ')

/** A table in Markdown; what Markdown would read as its own is escaped. */
export function markdownOf(cells: readonly string[][]): string {
  const line = (row: readonly string[]) => `| ${row.map(escaped).join(' | ')} |`
  const [head = [], ...rest] = cells
  return [line(head), `|${head.map((_, i) => (i ? '---:' : '---')).join('|')}|`, ...rest.map(line)].join('\n')
}

/** Move a run to the left or the right. */
export function moved<T>(all: readonly T[], from: number, by: number): T[] {
  const to = Math.max(0, Math.min(all.length - 1, from + by))
  const next = all.filter((_, i) => i !== from)
  next.splice(to, 0, all[from]!)
  return next
}
