/** Rows that a prompt is tried on: those of a data set for evaluation, or the one that is typed. All of it is pure. */

import { valueOf } from '../../parts/prompt/template'

export interface DataRow {
  id: string
  values: Record<string, string>
  /** What is expected of an answer, as JSON. */
  expectations?: string
}

export interface DataSet {
  dataset_id: string
  name: string
  digest: string
  /** JSON: {"num_records": 5}. */
  profile?: string
  version?: number
}

export interface Records {
  /** JSON in a text. */
  records: string
  next_page_token?: string
}

export const MOST_ROWS = 50

const asText = (value: unknown): string => (typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value))

/** Values by the names that templates use: 'user.name' is a field of an input, unless there is an input of that name. */
export function rowsOf(answer: Records): DataRow[] {
  const found = JSON.parse(answer.records || '[]') as { dataset_record_id?: string; inputs?: Record<string, unknown>; expectations?: Record<string, unknown> | null }[]
  return found.slice(0, MOST_ROWS).map(({ dataset_record_id: id = '', inputs = {}, expectations }) => ({ id, ...(expectations && { expectations: JSON.stringify(expectations) }), values: { ...nested('', inputs), ...Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, asText(value)])) } }))
}

function nested(path: string, values: Record<string, unknown>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [key, value] of Object.entries(values)) {
    found[path + key] = asText(value)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) Object.assign(found, nested(`${path}${key}.`, value as Record<string, unknown>))
  }
  return found
}

export function countOf({ profile }: DataSet): number | undefined {
  try {
    const count = (JSON.parse(profile ?? 'null') as { num_records?: number } | null)?.num_records
    return typeof count === 'number' ? count : undefined
  } catch {
    return undefined
  }
}

/** Each row with what it lacks taken from what is typed. */
export const inputsOf = (names: readonly string[], row: DataRow | undefined, typed: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => { const value = valueOf(row?.values, name) ?? valueOf(typed, name); return value ? [[name, value]] : [] }))

/** A row in a few words. */
export const rowText = (names: readonly string[], inputs: Readonly<Record<string, string>>): string => names.map((name) => `${name}: ${valueOf(inputs, name) ?? '–'}`).join('  ')

export interface Total {
  first?: number
  took?: number
  tokens?: number
  usd?: number | null
  mark?: number
}

interface Counted {
  state: string
  first?: number
  took?: number
  tokens?: { input: number; output: number }
  usd?: number | null
  mark?: number
}

/** What answers took: means of times, sums of tokens and money; null money: of one nobody knows it. What failed took nothing. */
export function totalOf(all: readonly Counted[]): Total {
  const cells = all.filter((cell) => cell.state !== 'failed')
  const mean = (values: (number | undefined)[]) => { const known = values.filter((value): value is number => value !== undefined); return known.length ? known.reduce((a, b) => a + b) / known.length : undefined }
  const ended = cells.filter((cell) => cell.took !== undefined)
  const tokens = cells.filter((cell) => cell.tokens).map((cell) => cell.tokens!.input + cell.tokens!.output)
  const priced = cells.filter((cell) => cell.usd !== undefined)
  return {
    first: mean(cells.map((cell) => cell.first)),
    took: mean(ended.map((cell) => cell.took)),
    mark: mean(cells.map((cell) => cell.mark)),
    tokens: tokens.length ? tokens.reduce((a, b) => a + b) : undefined,
    usd: priced.length ? (priced.some((cell) => cell.usd === null) ? null : priced.reduce((sum, cell) => sum + cell.usd!, 0)) : undefined,
  }
}

/** Which of several is the least, if it is less than another: the best of times and costs. */
export function leastOf(values: readonly (number | null | undefined)[]): number {
  const known = values.filter((value): value is number => typeof value === 'number')
  if (known.length < 2 || Math.min(...known) === Math.max(...known)) return -1
  return values.indexOf(Math.min(...known))
}
