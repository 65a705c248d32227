/** Rows of evaluations: paired, found, ordered, grouped and counted. Pure. */
import { type Num, num } from '../../core/api'
import { isNumeric } from '../../core/format'

export interface Picture {
  image: string
  whole: string
}
export type Cell = Num | string | boolean | null | Picture

export interface Column {
  name: string
  role: 'input' | 'target' | 'output'
  values: Cell[]
}

export interface Score {
  name: string
  /** Whether more of it is better. */
  up: boolean
  values: Cell[]
  /** By place of the row. */
  why: Record<string, string>
  errors: Record<string, string>
}

export interface Figure {
  name: string
  value: Num
  count: number
  failed: number
  interval: [Num, Num] | null
}

/** What `evaluations/rows` answers. */
export interface Answer {
  run: { run_id: string; name: string; status: string; experiment_id: string; experiment: string }
  source: 'rows' | 'table' | 'traces' | ''
  kind: string
  total: number
  ids: string[]
  traces: (string | null)[]
  broken: number[]
  columns: Column[]
  scores: Score[]
  figures: Figure[]
  skipped: Record<string, string>
  tables: string[]
  slices: { worst?: string; cohorts?: string }
}

/** A row of the grid: where it is in each run, -1 where it is not. */
export interface Pair {
  id: string
  at: number[]
}

export const isPicture = (cell: Cell | undefined): cell is Picture => typeof cell === 'object' && cell !== null
export const textOf = (cell: Cell | undefined): string => (cell === null || cell === undefined ? '' : isPicture(cell) ? cell.whole : String(cell))

/** A score as a number: yes and true are 1; undefined where there is none. */
export function valueOf(cell: Cell | undefined): number | undefined {
  if (cell === true || (typeof cell === 'string' && /^yes$/i.test(cell))) return 1
  if (cell === false || (typeof cell === 'string' && /^no$/i.test(cell))) return 0
  if (cell === null || cell === undefined || cell === '' || typeof cell === 'object') return undefined
  const found = num(cell as Num)
  return found === null || Number.isNaN(found) ? undefined : found
}

/** What went into each row, as one text. */
const inputsOf = (answer: Answer): string[] => {
  const columns = answer.columns.filter((column) => column.role === 'input')
  return answer.ids.map((_, i) => columns.map((column) => textOf(column.values[i])).join('\n'))
}

/** Put rows of several runs beside each other: by id, or, if runs have none in common, by what went in. */
export function paired(answers: readonly Answer[]): Pair[] {
  const first = new Set(answers[0]?.ids)
  const alike = answers.slice(1).every((answer) => answer.ids.some((id) => first.has(id)))
  const keys = answers.map((answer) => {
    if (alike) return answer.ids
    const seen = new Map<string, number>()
    return inputsOf(answer).map((text) => {
      const n = seen.get(text) ?? 0
      seen.set(text, n + 1)
      return `${text}\n${n}`
    })
  })
  const found = new Map<string, Pair>()
  answers.forEach((answer, run) => {
    keys[run]!.forEach((key, at) => {
      let pair = found.get(key)
      if (!pair) found.set(key, (pair = { id: answer.ids[at]!, at: answers.map(() => -1) }))
      pair.at[run] = at
    })
  })
  return [...found.values()]
}

export interface Measure {
  name: string
  up: boolean
  /** By run; undefined where the run has no such score. */
  of: (Score | undefined)[]
  least: number
  greatest: number
  /** All its values are 0 or 1. */
  truth: boolean
}

/** The scores of all runs by name; those that no row has a word of are left out. */
export function measuresOf(answers: readonly Answer[]): Measure[] {
  const names = [...new Set(answers.flatMap((answer) => answer.scores.map((score) => score.name)))]
  return names.map((name) => {
    const of = answers.map((answer) => answer.scores.find((score) => score.name === name))
    let least = Infinity
    let greatest = -Infinity
    let truth = true
    for (const score of of)
      for (const cell of score?.values ?? []) {
        const value = valueOf(cell)
        if (value === undefined) continue
        least = Math.min(least, value)
        greatest = Math.max(greatest, value)
        truth &&= value === 0 || value === 1
      }
    return { name, up: of.find(Boolean)!.up, of, least, greatest, truth: truth && greatest > -Infinity }
  })
}

export const errorOf = (score: Score | undefined, at: number): string | undefined => (at < 0 ? undefined : score?.errors[at])

/** How bad a value is: 0 the best there is, 1 the worst. */
const badness = (measure: Measure, value: number): number => {
  const span = measure.greatest - measure.least
  if (measure.truth) return measure.up ? 1 - value : value
  return span ? (measure.up ? measure.greatest - value : value - measure.least) / span : 0
}

/** How bad a row is, over its runs and scores: an error is worse than any value. */
export function worstOf(answers: readonly Answer[], measures: readonly Measure[], pair: Pair): number {
  let sum = 0
  let n = 0
  pair.at.forEach((at, run) => {
    if (at < 0) return
    if (brokenIn(answers[run]!).has(at)) { sum += 4; n++ }
    for (const measure of measures) {
      const value = valueOf(measure.of[run]?.values[at])
      if (errorOf(measure.of[run], at) !== undefined) { sum += 2; n++ }
      else if (value !== undefined) { sum += badness(measure, value); n++ }
    }
  })
  return n ? sum / n : -1
}

const sets = new WeakMap<Answer, Set<number>>()
export function brokenIn(answer: Answer): Set<number> {
  let found = sets.get(answer)
  if (!found) sets.set(answer, (found = new Set(answer.broken)))
  return found
}

/** How much better the second run is in a row than the first, in the metric's direction; undefined if one has no value. */
export function gainOf(measure: Measure, pair: Pair): number | undefined {
  const [one, other] = [0, 1].map((run) => (pair.at[run]! < 0 ? undefined : valueOf(measure.of[run]?.values[pair.at[run]!])))
  if (one === undefined || other === undefined) return undefined
  return measure.up ? other - one : one - other
}

const unit = (measure: Measure): number => measure.greatest - measure.least || 1

/** How much worse the second run is in a row: the sum of what was lost, in units of each metric's range. */
export function lossOf(measures: readonly Measure[], pair: Pair): number {
  return measures.reduce((sum, measure) => sum - (gainOf(measure, pair) ?? 0) / unit(measure), 0)
}

/** How far runs are apart in a row. */
export function spreadOf(measures: readonly Measure[], pair: Pair): number {
  let sum = 0
  for (const measure of measures) {
    const values = pair.at.flatMap((at, run) => (at < 0 ? [] : (valueOf(measure.of[run]?.values[at]) ?? [])))
    if (values.length > 1) sum += (Math.max(...values) - Math.min(...values)) / unit(measure)
  }
  return sum
}

export const SHOWS = ['failed', 'errors', 'lost', 'won', 'changed'] as const
export type Show = (typeof SHOWS)[number] | ''

export interface View {
  show: Show
  /** The score that `show` is about; '' is any. */
  metric: string
  /** '' worst first, or lost first with two runs; order, worst, lost, differ, NAME or -NAME. */
  sort: string
  by: string
  slice: string
  /** The ids of rows that hold what is looked for. */
  hits?: ReadonlySet<string>
}

const hasError = (answers: readonly Answer[], measures: readonly Measure[], pair: Pair): boolean =>
  pair.at.some((at, run) => at >= 0 && (brokenIn(answers[run]!).has(at) || measures.some((measure) => errorOf(measure.of[run], at) !== undefined)))

function shows(answers: readonly Answer[], measures: readonly Measure[], show: Show, pair: Pair): boolean {
  const gains = () => measures.map((measure) => gainOf(measure, pair) ?? 0)
  switch (show) {
    case 'failed':
      return hasError(answers, measures, pair) || measures.some((m) => m.truth && pair.at.some((at, run) => at >= 0 && valueOf(m.of[run]?.values[at]) === (m.up ? 0 : 1)))
    case 'errors': return hasError(answers, measures, pair)
    case 'lost': return gains().some((gain) => gain < 0)
    case 'won': return gains().some((gain) => gain > 0)
    case 'changed': return gains().some((gain) => gain !== 0)
    default: return true
  }
}

/** The columns of all runs by name, from the first run that has each. */
export function columnsOf(answers: readonly Answer[]): { column: Column; run: number }[] {
  const found = new Map<string, { column: Column; run: number }>()
  answers.forEach((answer, run) => answer.columns.forEach((column) => { if (!found.has(column.name)) found.set(column.name, { column, run }) }))
  return [...found.values()]
}

const MOST_GROUPS = 20

/** Names of columns with few values, to group rows by. */
export function groupable(answers: readonly Answer[]): string[] {
  return columnsOf(answers).filter(({ column }) => {
    const values = new Set<string>()
    for (const cell of column.values) {
      values.add(textOf(cell))
      if (values.size > MOST_GROUPS || isPicture(cell)) return false
    }
    return values.size > 1
  }).map(({ column }) => column.name)
}

/** A condition of a slice as the evaluator `cohorts` writes it: 'region=north' or 'age=(20.5, 31.0]'. */
export function fits(cell: Cell | undefined, wanted: string): boolean {
  if (wanted === 'missing' && (cell === null || cell === undefined)) return true
  const text = textOf(cell)
  if (text.toLowerCase() === wanted.toLowerCase()) return true
  const range = /^\((-?[\d.e+-]+|-inf), (-?[\d.e+-]+|inf)\]$/.exec(wanted)
  if (!isNumeric(text)) return false
  const value = Number(text)
  if (range) return value > edge(range[1]!) && value <= edge(range[2]!)
  return isNumeric(wanted) && value === Number(wanted)
}
const edge = (text: string): number => (/inf/.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text))

export const conditionsOf = (slice: string): [string, string][] =>
  slice.split(' & ').filter((part) => part.includes('=')).map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)])

export type Item = { group: string; pairs: Pair[] } | { pair: Pair }
export const isGroup = (item: Item): item is { group: string; pairs: Pair[] } => 'group' in item

const cellOf = (columns: ReturnType<typeof columnsOf>, name: string, pair: Pair): Cell | undefined => {
  const found = columns.find(({ column }) => column.name === name)
  const at = found ? pair.at[found.run]! : -1
  return found && at >= 0 ? found.column.values[at] : undefined
}

/** The rows that are shown, in their order. */
export function shownOf(answers: readonly Answer[], measures: readonly Measure[], pairs: readonly Pair[], view: View): Pair[] {
  const columns = columnsOf(answers)
  const about = view.metric ? measures.filter((measure) => measure.name === view.metric) : measures
  const conditions = conditionsOf(view.slice)
  const rows = pairs.filter((pair) => shows(answers, about, view.show, pair) && (!view.hits || view.hits.has(pair.id)) && conditions.every(([name, wanted]) => fits(cellOf(columns, name, pair), wanted)))
  const sort = view.sort || (answers.length > 1 ? 'lost' : 'worst')
  const by = (key: (pair: Pair) => number) => {
    const keys = new Map(rows.map((pair) => [pair, key(pair)]))
    return [...rows].sort((a, b) => keys.get(b)! - keys.get(a)!)
  }
  if (sort === 'order') return rows
  if (sort === 'worst') return by((pair) => worstOf(answers, about, pair))
  if (sort === 'lost') return by((pair) => lossOf(about, pair))
  if (sort === 'differ') return by((pair) => spreadOf(about, pair))
  const falls = sort.startsWith('-')
  const name = sort.replace(/^-/, '')
  const measure = measures.find((each) => each.name === name)
  const sign = falls ? 1 : -1
  if (measure) {
    // Of the last run, as that is what is looked at; rows without a value come last.
    const run = measure.of.findLastIndex(Boolean)
    return by((pair) => { const value = pair.at[run]! < 0 ? undefined : valueOf(measure.of[run]!.values[pair.at[run]!]); return value === undefined ? -Infinity : sign * value })
  }
  const collator = new Intl.Collator('en', { numeric: true })
  return [...rows].sort((a, b) => -sign * collator.compare(textOf(cellOf(columns, name, a)), textOf(cellOf(columns, name, b))))
}

/** Rows below the value that they share. */
export function grouped(answers: readonly Answer[], rows: readonly Pair[], by: string): Item[] {
  if (!by) return rows.map((pair) => ({ pair }))
  const columns = columnsOf(answers)
  const groups = new Map<string, Pair[]>()
  for (const pair of rows) {
    const value = textOf(cellOf(columns, by, pair))
    groups.set(value, [...(groups.get(value) ?? []), pair])
  }
  const collator = new Intl.Collator('en', { numeric: true })
  return [...groups].sort(([a], [b]) => collator.compare(a, b)).flatMap(([group, found]): Item[] => [{ group, pairs: found }, ...found.map((pair) => ({ pair }))])
}

export interface Stat {
  n: number
  failed: number
  mean: number | undefined
  /** Where 95 of 100 such tables have the mean; undefined where that is not known. */
  interval: [number, number] | undefined
}

const SURE = 1.959963984540054

/** The mean of a score over rows, with how many have it and how many failed. */
export function statOf(score: Score | undefined, rows: Iterable<number>): Stat {
  let n = 0
  let failed = 0
  let sum = 0
  let squares = 0
  for (const at of rows) {
    if (at < 0 || !score) continue
    if (score.errors[at] !== undefined) failed++
    const value = valueOf(score.values[at])
    if (value === undefined) continue
    n++
    const before = n > 1 ? sum / (n - 1) : value
    sum += value
    squares += (value - before) * (value - sum / n)
  }
  const mean = n ? sum / n : undefined
  const half = n > 1 ? SURE * Math.sqrt(squares / (n - 1) / n) : undefined
  return { n, failed, mean, interval: mean === undefined || half === undefined ? undefined : [mean - half, mean + half] }
}

const FIGURES: Record<string, string> = { absolute_error: 'mean_absolute_error', correct: 'accuracy_score' }

/** The same of all rows: what the evaluation itself measured, where it did. */
export function wholeOf(answer: Answer, score: Score): Stat {
  const own = statOf(score, answer.ids.keys())
  const known = answer.figures.find((figure) => [`${score.name}/mean`, score.name, FIGURES[score.name]].includes(figure.name))
  const mean = known && num(known.value)
  // Somebody may have changed scores since.
  if (!known || own.mean === undefined || typeof mean !== 'number' || Math.abs(mean - own.mean) > 1e-9 * Math.max(1, Math.abs(mean))) return own
  const ends = known.interval?.map((end) => num(end))
  return { n: known.count || own.n, failed: Math.max(known.failed, own.failed), mean, interval: ends && ends.every((end) => typeof end === 'number') ? (ends as [number, number]) : own.interval }
}

/** What `pegboard eval compare` tells of a metric; what a page counts itself has no interval. */
export interface Paired {
  metric: string
  greater_is_better: boolean
  rows: number
  won: number
  lost: number
  equal: number
  before: number
  after: number
  difference: number
  interval: [number, number] | null
  verdict: string
}

export interface Compared {
  metrics: Record<string, Paired>
  slices: Record<string, Record<string, Paired>>
  only_before: number
  only_after: number
}

function pairedIn(measure: Measure, pairs: readonly Pair[]): Paired | undefined {
  let [won, lost, equal, before, after] = [0, 0, 0, 0, 0]
  for (const pair of pairs) {
    const gain = gainOf(measure, pair)
    if (gain === undefined) continue
    gain > 0 ? won++ : gain < 0 ? lost++ : equal++
    before += valueOf(measure.of[0]!.values[pair.at[0]!])!
    after += valueOf(measure.of[1]!.values[pair.at[1]!])!
  }
  const rows = won + lost + equal
  if (!rows) return undefined
  return { metric: measure.name, greater_is_better: measure.up, rows, won, lost, equal, before: before / rows, after: after / rows, difference: (after - before) / rows, interval: null, verdict: won + lost ? '' : 'the same' }
}

/** Two runs side by side, counted here: for rows that the server measures no interval of. */
export function comparedHere(answers: readonly Answer[], measures: readonly Measure[], pairs: readonly Pair[], by: string): Compared {
  const told = (some: readonly Pair[]) => Object.fromEntries(measures.flatMap((measure) => { const found = pairedIn(measure, some); return found ? [[measure.name, found]] : [] }))
  const items = by ? grouped(answers, pairs, by) : []
  return {
    metrics: told(pairs),
    slices: Object.fromEntries(items.filter(isGroup).map(({ group, pairs: some }) => [`${by}=${group}`, told(some)])),
    only_before: pairs.filter((pair) => pair.at[1]! < 0).length,
    only_after: pairs.filter((pair) => pair.at[0]! < 0).length,
  }
}

const RANKS = ['worse', '', 'no sure difference', 'better', 'the same']
/** Metrics with what got worse first. */
export const worstFirst = (metrics: Record<string, Paired>): Paired[] =>
  Object.values(metrics).sort((a, b) => RANKS.indexOf(a.verdict) - RANKS.indexOf(b.verdict) || (b.lost - b.won) / b.rows - (a.lost - a.won) / a.rows)
