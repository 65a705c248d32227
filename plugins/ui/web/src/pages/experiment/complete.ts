/** What the line of the filter offers: keys, operators and real values, from the server. */
import { get, type Num, type Params } from '../../core/api'
import { DATASETS, parseColumn, quotedColumn, quotedValue, usesOf } from '../../core/columns'
import { plural } from '../../core/format'
import type { Place } from '../../core/grammar'
import type { Suggestion } from '../../parts/filter'
import type { Key } from './keytree'

const ATTRIBUTES = ['attributes.status', 'attributes.run_name', 'attributes.start_time', 'attributes.end_time', 'attributes.user_id']
const OF_DATASETS = ['dataset.name', 'dataset.digest', 'dataset.context']
const NUMBERS = ['>', '>=', '<', '<=', '=', '!=']
const TEXTS = ['=', '!=', 'in (', 'like ', 'ilike ', 'is null', 'is not null']
const STATUSES = ['FINISHED', 'RUNNING', 'FAILED', 'KILLED', 'SCHEDULED']

const FRESH_MS = 15_000
const asked = new Map<string, { at: number; answer: Promise<unknown> }>()

/** Ask once for what is typed again and again. */
function recent<T>(path: string, params: Params): Promise<T> {
  const key = JSON.stringify([path, params])
  const known = asked.get(key)
  if (known && Date.now() - known.at < FRESH_MS) return known.answer as Promise<T>
  const answer = get<T>(path, params)
  asked.set(key, { at: Date.now(), answer })
  answer.catch(() => asked.delete(key))
  return answer
}

export async function complete(experiments: string[], place: Place): Promise<Suggestion[]> {
  if (place.want === 'column') return columns(experiments, place.typed)
  if (place.want === 'value') return values(experiments, place)
  const { kind, key } = parseColumn(place.column)
  const isNumber = kind === 'metrics' || (kind === 'attributes' && key.endsWith('_time'))
  const words = place.want === 'join' ? ['and ', 'or '] : isNumber ? NUMBERS : TEXTS
  const found = words.filter((word) => word.startsWith(place.typed.toLowerCase())).map((word) => ({ insert: /[ (]$|null$/.test(word) ? word : `${word} `, label: word.trim() }))
  // What is there already is not offered again.
  return place.typed && found.length === 1 && found[0]?.label === place.typed ? [] : found
}

async function columns(experiments: string[], typed: string): Promise<Suggestion[]> {
  const [, kind, rest] = /^(?:(metric|param|tag|attribute)s?\.)?[`"]?(.*)$/is.exec(typed) ?? []
  const plain = rest ?? typed
  const sort = kind ? `${kind.toLowerCase()}s` : ''
  const own = ATTRIBUTES.filter((name) => (!sort || sort === 'attributes') && name.slice(11).includes(plain.toLowerCase()))
  const found = sort === 'attributes' ? [] : (await recent<{ keys: Key[] }>('runs/keys', { experiment_ids: experiments, q: /^(m|p|t|me|pa|ta)\w*$/.test(plain) && !kind && 'metrics params tags'.includes(plain) ? '' : plain, kind: sort, limit: 40 })).keys
  const keys = found.filter((key) => !/^tags\.(mlflow|pegboard)\./.test(key.column) || plain.startsWith('mlflow')).map((key) => ({ insert: `${quotedColumn(key.column)} `, label: quotedColumn(key.column), detail: plural(key.runs, 'run') }))
  const data = kind ? [] : OF_DATASETS.filter((name) => name.includes(plain.toLowerCase()))
  return [...keys, ...[...own, ...data].map((name) => ({ insert: `${name} `, label: name }))]
}

async function values(experiments: string[], place: Place): Promise<Suggestion[]> {
  const { kind, key } = parseColumn(place.column)
  const typed = place.typed.replace(/^['"]/, '').replace(/['"]$/, '')
  if (kind === 'attributes' && key === 'status') return STATUSES.filter((name) => name.startsWith(typed.toUpperCase())).map((name) => ({ insert: quotedValue(name), label: name }))
  if (kind === 'attributes' && key.endsWith('_time')) return []
  if (place.column.startsWith('dataset.')) return ofDatasets(experiments, place.column.slice(8), typed)
  const isNumber = kind === 'metrics'
  const found = await recent<{ values: { value: Num | string; runs: number }[] }>('runs/values', { experiment_ids: experiments, column: place.column, q: isNumber ? '' : typed, limit: 30 })
  return found.values
    .map(({ value, runs }) => ({ insert: isNumber ? String(value) : quotedValue(String(value)), label: String(value), detail: plural(runs, 'run') }))
    .filter((item) => !typed || item.label.toLowerCase().includes(typed.toLowerCase()))
}

/** Names, digests or contexts, from the combinations that runs have. */
async function ofDatasets(experiments: string[], what: string, typed: string): Promise<Suggestion[]> {
  const found = await recent<{ values: { value: string; runs: number }[] }>('runs/values', { experiment_ids: experiments, column: DATASETS, q: typed, limit: 100 })
  const runs = new Map<string, number>()
  for (const each of found.values) {
    const mine = usesOf(each.value).map((use) => use[what as keyof typeof use])
    for (const value of new Set(mine)) if (value?.toLowerCase().includes(typed.toLowerCase())) runs.set(value, (runs.get(value) ?? 0) + each.runs)
  }
  runs.delete('')
  return [...runs].sort((a, b) => b[1] - a[1]).map(([value, n]) => ({ insert: quotedValue(value), label: value, detail: plural(n, 'run') }))
}
