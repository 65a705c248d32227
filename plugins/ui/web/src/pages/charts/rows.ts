/** Where charts stand: rows of them below the heads of their prefixes; only those in sight are made. */
import type { Added } from './added'

export type Item = { kind: 'line'; key: string } | { kind: 'added'; index: number; added: Added }

export interface Row {
  top: number
  height: number
  /** The head of a prefix. */
  head?: { prefix: string; count: number; open: boolean }
  /** Whether its one item takes the whole width. */
  wide?: boolean
  items: Item[]
}

export interface Wanted {
  keys: readonly string[]
  added: readonly Added[]
  columns: number
  cell: number
  order: readonly string[]
  toggled: readonly string[]
  /** How high a chart that takes the whole width is. */
  heightOf: (added: Added) => number
}

export const HEAD = 28
/** From how many charts on a prefix is folded by itself. */
const MANY = 12

export const prefixOf = (key: string): string => {
  const slash = key.indexOf('/')
  return slash > 0 ? key.slice(0, slash + 1) : ''
}

/** Names by prefix; what was moved to the front stands there, all else as it comes. */
export function sectionsOf(keys: readonly string[], order: readonly string[]): { prefix: string; keys: string[] }[] {
  const found = new Map<string, string[]>()
  for (const key of keys) {
    const prefix = prefixOf(key)
    const section = found.get(prefix)
    if (section) section.push(key)
    else found.set(prefix, [key])
  }
  // One alone needs no head.
  const alone = [...found].filter(([prefix, inside]) => prefix && inside.length === 1)
  if (alone.length) {
    found.set('', [...(found.get('') ?? []), ...alone.flatMap(([, inside]) => inside)])
    for (const [prefix] of alone) found.delete(prefix)
  }
  const places = new Map(order.map((key, i) => [key, i]))
  const place = (key: string) => places.get(key) ?? Infinity
  return [...found]
    .sort(([a], [b]) => Number(a !== '') - Number(b !== '') || a.localeCompare(b, 'en', { numeric: true }))
    .map(([prefix, inside]) => ({ prefix, keys: inside.map((key, i) => ({ key, i })).sort((a, b) => (place(a.key) === place(b.key) ? a.i - b.i : place(a.key) - place(b.key))).map(({ key }) => key) }))
}

export function rowsOf({ keys, added, columns, cell, order, toggled, heightOf }: Wanted): { rows: Row[]; height: number; open: number } {
  const rows: Row[] = []
  let top = 0
  let open = 0
  const put = (row: Omit<Row, 'top'>) => {
    rows.push({ top, ...row })
    top += row.height
  }
  const isWide = ({ kind }: Added) => kind === 'parallel' || kind === 'images' || kind === 'table'
  let pending: Item[] = []
  const flush = () => {
    for (let i = 0; i < pending.length; i += columns) put({ height: cell, items: pending.slice(i, i + columns) })
    pending = []
  }
  added.forEach((each, index) => {
    open++
    if (!isWide(each)) return void pending.push({ kind: 'added', index, added: each })
    flush()
    put({ height: heightOf(each), wide: true, items: [{ kind: 'added', index, added: each }] })
  })
  flush()
  const sections = sectionsOf(keys, order)
  for (const section of sections) {
    const isOpen = (section.keys.length <= MANY || sections.length === 1 || section.prefix === '') !== toggled.includes(section.prefix || '/')
    if (section.prefix || sections.length > 1 && section.keys.length > MANY) put({ height: HEAD, head: { prefix: section.prefix, count: section.keys.length, open: isOpen }, items: [] })
    if (!isOpen) continue
    open += section.keys.length
    pending = section.keys.map((key) => ({ kind: 'line', key }))
    flush()
  }
  return { rows, height: top, open }
}

/** Rows that a window shows, one more at each end. */
export function inSight(rows: readonly Row[], top: number, height: number): readonly Row[] {
  let first = rows.findIndex((row) => row.top + row.height > top)
  if (first < 0) first = rows.length
  let end = first
  while (end < rows.length && rows[end]!.top < top + height) end++
  return rows.slice(Math.max(0, first - 1), end + 1)
}

/**
 * What is in front after a metric was moved to a place of its section; `names` are in the order that
 * nobody changed. Only the front is kept: what follows it stands as it would by itself.
 */
export function moved(section: readonly string[], key: string, to: number, order: readonly string[], names: readonly string[]): string[] {
  const others = section.filter((each) => each !== key)
  const next = [...others.slice(0, to), key, ...others.slice(to)]
  const natural = new Map(names.map((name, i) => [name, i]))
  const at = (i: number) => natural.get(next[i]!) ?? 0
  let front = next.length - 1
  while (front > 0 && at(front - 1) < at(front)) front--
  return [...order.filter((each) => !section.includes(each)), ...next.slice(0, front)]
}
