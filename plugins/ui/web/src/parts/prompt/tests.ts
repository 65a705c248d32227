/** The tests of a prompt: what the server tells of them, running them, and the form that is bound. All but the running is pure. */
import { type Num, num, post } from '../../core/api'
import { plural } from '../../core/format'
import { recordOf } from '../gateway/record'
import { ask } from '../gateway/stream'

export const TESTS = 'prompts/tests'

export interface Measured {
  model: string
  /** '' for whole rows. */
  name: string
  passed: number
  rows: number
  least: Num
  mean: Num
  worst: Num
}

export interface Outcome {
  state: 'untested' | 'passed' | 'failed' | 'changed'
  run_id?: string
  why?: string[]
  columns?: { model: string; run_id: string }[]
  measured?: Measured[]
}

export interface Tests {
  form: Record<string, unknown>
  fail_under: number
  data_sets: { name: string; version: string; dataset_id?: string }[]
  written: number
  cases_with_own: number
  models: string[]
  judge: string
  asserted: { name: string; kind: string; words: string; threshold: Num }[]
}

export interface TestsAnswer {
  tests: Tests | null
  versions: Record<string, Outcome>
}

export const percent = (share: number): string => `${+(100 * share).toFixed(1)} %`
const short = (value: number): string => String(+value.toPrecision(3))
export const modelName = (model: string): string => model.replace(/^(gateway|endpoints):\//, '')

/** What an assertion came to, and by how much it was missed. */
export function measuredWords({ name, passed, rows, least, mean, worst }: Measured, tests: Tests | null | undefined): { text: string; isBad: boolean } {
  const [most, middle, low] = [num(least), num(mean) ?? 0, num(worst) ?? 0]
  if (!name) {
    const share = rows ? passed / rows : 0
    const lacks = (most ?? 1) - share
    return { text: `${passed} of ${plural(rows, 'row')} ${passed === 1 ? 'passes' : 'pass'}, ${percent(most ?? 1)} have to${lacks > 0 ? `: ${+(100 * lacks).toFixed(1)} points too few` : ''}`, isBad: lacks > 0 }
  }
  const isBad = passed < rows
  const value = most === null ? '' : `, mean ${short(middle)}, worst ${short(low)}; ${short(most)} is wanted${low < most ? `: ${short(most - low)} too little` : ''}`
  const said = tests?.asserted.find((each) => each.name === name)?.words ?? name
  return { text: `${said}: ${passed} of ${plural(rows, 'row')}${value}`, isBad }
}

/** Why a version does not pass, apart from what was measured: it is worse than the champion, say. */
export const otherReasons = ({ why = [], measured = [] }: Outcome): string[] => (measured.length ? why.filter((each) => !/ cases pass, and /.test(each)) : why)

/** Where the answers of a version are: its runs in the grid of evaluations. */
export const gridOf = ({ columns = [] }: Outcome): string => `/evaluate?runs=${columns.map((each) => each.run_id).join(',')}`

// -- running ---------------------------------------------------------------------------------------

interface Question {
  key: string
  endpoint: string
  messages: { role: string; content: string }[]
  fields: Record<string, unknown>
}

export interface Wanted {
  name: string
  version: string
  /** Of the gateway. */
  key: string
  /** Whether it matters what answers cost, which is known a moment later. */
  isPriced: boolean
}

const AT_ONCE = 4
const MOST_ROUNDS = 24

/** Test a version: what is asked goes to the gateway from here, and the server judges. An abort leaves nothing behind. */
export async function runTests({ name, version, key, isPriced }: Wanted, signal: AbortSignal, tell: (done: number, all: number) => void): Promise<Outcome> {
  const answers: Record<string, unknown>[] = []
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = await post<{ questions: Question[]; outcome: Outcome | null }>(`${TESTS}/run`, { name, version, answers })
    if (found.outcome) return found.outcome
    signal.throwIfAborted()
    const waiting = [...found.questions]
    const all = answers.length + waiting.length
    tell(answers.length, all)
    const worker = async () => {
      for (let question = waiting.shift(); question; question = waiting.shift()) {
        signal.throwIfAborted()
        answers.push(await answerOf(question, key, isPriced, signal))
        tell(answers.length, all)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }
  throw new Error(`The tests ask and ask: ${answers.length} questions led to no end.`)
}

async function answerOf({ key: under, endpoint, messages, fields }: Question, key: string, isPriced: boolean, signal: AbortSignal): Promise<Record<string, unknown>> {
  let text = ''
  let id = ''
  let tokens: { input: number; output: number } | undefined
  try {
    await ask({ endpoint, messages, key, more: fields }, signal, (piece) => { text += piece.text ?? ''; tokens = piece.tokens ?? tokens }, (found) => { id = found })
  } catch (error) {
    // A model that takes no schema is asked without one; the judge knows how. All else says nothing of the prompt.
    if (signal.aborted || !/response_format/.test((error as Error).message)) throw error
    return { key: under, error: (error as Error).message }
  }
  const usd = isPriced && id && (await recordOf(id))?.usd
  return { key: under, text, ...(tokens && { input_tokens: tokens.input, output_tokens: tokens.output }), ...(typeof usd === 'number' && { usd }) }
}

// -- the form --------------------------------------------------------------------------------------

export interface Scorer {
  scorer_id?: string
  builtin?: string
  name: string
  experiment_id?: string
  description: string
  judge: boolean
  endpoint: string
  needs: string[]
  refused: string
}

/** Under which a scorer is chosen. */
export const scorerKey = (scorer: Scorer): string => scorer.scorer_id ?? `:${scorer.builtin}`

export interface Rule {
  kind: string
  value: string
}

/** A form as it is edited. */
export interface Draft {
  dataSet: string
  models: { endpoint: string; params?: Record<string, unknown> }[]
  rules: Rule[]
  /** By their keys; '' passes what says yes. */
  scorers: { key: string; least: string }[]
  guidelines: string
  judge: string
  /** Percent of the rows. */
  share: string
}

export const RULES: Record<string, string> = {
  icontains: 'contains, in whatever case', contains: 'contains', 'not-icontains': 'does not contain', equals: 'is exactly', 'starts-with': 'starts with', regex: 'matches the pattern', length: 'has at most so many characters', 'is-json': 'is JSON',
}
const DATA = 'datasets:/'
const GATEWAY = /^(gateway|endpoints):\//

/** What is wrong with what is typed; '' if nothing is. */
export function wrongWith(draft: Draft, scorers: readonly Scorer[]): string {
  if (!draft.dataSet) return 'Choose a data set.'
  if (!draft.models.length) return 'Choose a model.'
  if (!draft.rules.length && !draft.scorers.length) return 'Say what answers have to be like: a rule, or a scorer.'
  if (draft.rules.some(({ kind, value }) => kind !== 'is-json' && !value.trim())) return 'A rule says nothing yet.'
  if (draft.rules.some(({ kind, value }) => kind === 'length' && !/^[1-9]\d*$/.test(value.trim()))) return 'A length is a whole number.'
  const strange = draft.scorers.find(({ least }) => least.trim() && !Number.isFinite(Number(least)))
  if (strange) return `${strange.least} is not a number.`
  if (draft.scorers.some(({ key }) => key === ':Guidelines') && !draft.guidelines.trim()) return 'Write the guidelines, one a line.'
  if (draft.scorers.some(({ key }) => !scorers.some((each) => scorerKey(each) === key))) return 'A scorer is not there any more: take it away.'
  const share = Number(draft.share)
  return draft.share.trim() && share >= 0 && share <= 100 ? '' : 'The share of rows is a number from 0 to 100.'
}

/** The form that the server keeps. */
export function formOf(draft: Draft, scorers: readonly Scorer[]): Record<string, unknown> {
  const judged = draft.scorers.map(({ key, least }) => {
    const scorer = scorers.find((each) => scorerKey(each) === key)!
    return {
      ...(scorer.scorer_id ? { type: 'registered', value: scorer.name, name: scorer.name, experiment_id: scorer.experiment_id } : { type: scorer.name }),
      ...(key === ':Guidelines' && { value: draft.guidelines.split('\n').map((line) => line.trim()).filter(Boolean) }),
      ...(least.trim() && { threshold: Number(least) }),
    }
  })
  const rules = draft.rules.map(({ kind, value }) => ({ type: kind, ...(kind === 'length' ? { max: Number(value) } : kind !== 'is-json' && { value }) }))
  return {
    models: draft.models.map(({ endpoint, params }) => (params && Object.keys(params).length ? { model: `gateway:/${endpoint}`, params } : `gateway:/${endpoint}`)),
    cases: `${DATA}${draft.dataSet}`,
    ...(draft.judge && { judge: `gateway:/${draft.judge}` }),
    defaults: { assert: [...rules, ...judged] },
  }
}

/** The draft of a form that is bound, and whether it has more than drafts can say. */
export function draftOf({ form, fail_under, data_sets, written }: Tests, scorers: readonly Scorer[]): { draft: Draft; isMore: boolean } {
  const known = new Set(['models', 'cases', 'judge', 'defaults', 'name'])
  const defaults = (form.defaults ?? {}) as Record<string, unknown>
  let isMore = written > 0 || data_sets.length > 1 || Object.keys(form).some((key) => !known.has(key)) || Object.keys(defaults).some((key) => key !== 'assert')
  const models = [form.models ?? []].flat().flatMap((each) => {
    const { model, params, ...more } = (typeof each === 'string' ? { model: each } : each) as { model?: unknown; params?: Record<string, unknown> }
    if (typeof model !== 'string' || !GATEWAY.test(model) || Object.keys(more).length) { isMore = true; return [] }
    return [{ endpoint: modelName(model), params }]
  })
  const draft: Draft = { dataSet: data_sets[0]?.name ?? '', models, rules: [], scorers: [], guidelines: '', judge: typeof form.judge === 'string' ? modelName(form.judge) : '', share: String(+(100 * fail_under).toFixed(4)) }
  for (const each of [defaults.assert ?? []].flat()) {
    const { type, value, threshold, name, experiment_id, max, ...more } = assertionOf(each)
    const bare = String(type)
    const scorer = bare === 'registered' ? scorers.find((one) => one.scorer_id && one.name === value && (experiment_id === undefined || one.experiment_id === experiment_id)) : scorers.find((one) => one.builtin && one.name === bare.replaceAll('-', '_'))
    const least = typeof threshold === 'number' ? String(threshold) : ''
    if (Object.keys(more).length || (name !== undefined && name !== scorer?.name)) isMore = true
    else if (scorer) {
      if (scorer.builtin === 'Guidelines') draft.guidelines = [value ?? []].flat().join('\n')
      else if (scorer.builtin && value !== undefined) { isMore = true; continue }
      draft.scorers.push({ key: scorerKey(scorer), least })
    } else if (bare in RULES && (value === undefined || ['string', 'number'].includes(typeof value))) draft.rules.push({ kind: bare, value: String(value ?? max ?? '') })
    else isMore = true
  }
  return { draft, isMore }
}

function assertionOf(each: unknown): Record<string, unknown> {
  if (typeof each !== 'object' || each === null) return { type: each }
  const table = each as Record<string, unknown>
  if ('type' in table) return table
  const [kind = ''] = Object.keys(table)
  const { [kind]: value, ...rest } = table
  return { ...rest, type: kind, value }
}
