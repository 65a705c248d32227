/** What the line above the traces offers: the grammar's columns, operators and real values. */
import { get } from '../../core/api'
import { plural } from '../../core/format'
import type { Place } from '../../core/grammar'
import type { Suggestion } from '../../parts/filter'
import { named, quoted, text } from './words'

const NUMBERS = ['>', '>=', '<', '<=', '=', '!=']
const TEXTS = ['=', '!=', 'in (', 'like ', 'ilike ', 'rlike ', 'is null', 'is not null']
const NUMERIC = /\.(execution_time|timestamp|end_time)(_ms)?$/

interface Values {
  values: { value: string; traces: number }[]
}

export async function complete(experiments: string[], place: Place): Promise<Suggestion[]> {
  const column = named(place.column)
  if (place.want === 'column') {
    const found = await get<Values>('traces/values', { experiment_ids: experiments, q: place.typed.replace(/[`"]/g, ''), limit: 40 })
    return found.values.map(({ value, traces }) => ({ insert: `${quoted(value)} `, label: quoted(value), detail: traces ? plural(traces, 'trace') : undefined }))
  }
  if (place.want === 'value') {
    if (NUMERIC.test(column)) return []
    const typed = place.typed.replace(/^['"]/, '').replace(/['"]$/, '')
    const found = await get<Values>('traces/values', { experiment_ids: experiments, column, q: typed, limit: 30 })
    const isNumber = column.startsWith('feedback.') || column.startsWith('expectation.')
    const word = column.startsWith('span.') ? 'span' : 'trace'
    return found.values.map(({ value, traces }) => ({ insert: isNumber && value.trim() && Number.isFinite(Number(value)) ? value : text(value), label: value, detail: plural(traces, word) }))
  }
  const words = place.want === 'join' ? ['and ', 'or '] : NUMERIC.test(column) ? NUMBERS : TEXTS
  const found = words.filter((word) => word.startsWith(place.typed.toLowerCase())).map((word) => ({ insert: /[ (]$|null$/.test(word) ? word : `${word} `, label: word.trim() }))
  return place.typed && found.length === 1 && found[0]?.label === place.typed ? [] : found
}
