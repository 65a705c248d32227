/** What the server says of the gateway, and how it is said to people. */
import { count } from '../../core/format'
import { duration } from '../../core/times'
import { secs, usd } from '../../parts/gateway/money'

export { secs, usd }

export interface Sums {
  calls: number
  cached: number
  failed: number
  refused: number
  gone: number
  fell_back: number
  tokens: number
  usd: number
  /** How many calls `usd` lacks, as nobody knows their price. */
  unpriced: number
  p50: number | null
  p95: number | null
}

export interface Target {
  provider: string
  model: string
  weight: number
  fallback: number
  /** Calls to it, of which some may have been answered by another target in the end. */
  attempts: number
  attempts_failed: number
  state: 'closed' | 'open' | 'trying' | 'waiting' | 'slowed'
  /** How much longer it is left alone. */
  seconds: number
  reason: string
  running: number
  limit?: number
}

export interface Budget {
  usd: number
  window: string
  by: string
  action: 'reject' | 'alert'
  name: string
}

export interface Endpoint extends Sums {
  name: string
  is_there: boolean
  chats: boolean
  tasks: string[]
  targets: Target[]
  counts: number[]
  budgets: (Budget & { used_usd: number })[]
}

export interface Spend {
  window: string
  begins_ms: number
  ends_ms: number
  step_ms: number
  usd: number[]
  unpriced: number
  budget: Budget | null
}

export interface Summary {
  since_ms: number
  until_ms: number
  step_ms: number
  totals: Sums & { first_token_p50: number | null; before: number; instead: string }
  series: { calls: number[]; failed: number[]; fell_back: number[]; p50: (number | null)[]; p95: (number | null)[] }
  endpoints: Endpoint[]
  spend: Spend
  embedded: boolean
  ok: boolean
  faults: string[]
  needs_key: boolean
  /** The process that found how targets are, and how many there are. */
  found_by: { process: number; workers: number }
}

export interface Call {
  number: number
  id: string
  started_ms: number
  endpoint: string
  provider: string
  model: string
  outcome: 'done' | 'cached' | 'refused' | 'failed' | 'gone' | 'lost'
  status: number
  trouble: string
  stream: boolean
  tokens_in: number
  tokens_out: number
  /** Null: nobody knows the price. */
  usd: number | null
  seconds: number
  first_token_seconds: number
  fell_back: boolean
  attempts: { model: string; trouble: string; status: number; seconds: number }[]
  /** For administrators. */
  user?: string
  key?: string
}

export interface Tail {
  calls: Call[]
  after: number
}

export interface ClientKey {
  id: string
  name: string
  user: string
  team: string
  endpoints: string[]
  limits: string[]
  budgets: string[]
  created_at: number
  created_by: string
  expires_at: number | null
  revoked_at: number | null
}

export const SPANS = ['1h', '24h', '7d'] as const
export type SpanName = (typeof SPANS)[number]
export const SPAN_TITLES: Record<SpanName, string> = { '1h': '1 h', '24h': '24 h', '7d': '7 d' }
export const asSpan = (text: string): SpanName => SPANS.find((span) => span === text) ?? '24h'

/** What stands behind a sum that lacks calls with an unknown price. */
export const lacking = (unpriced: number): string => (unpriced ? ' + ?' : '')

/** Money that is whole where it can be: $600, $0.50. */
export const limit = (value: number): string => (Number.isInteger(value) ? `$${count(value)}` : usd(value).replace(/(\.\d\d)00$/, '$1'))

const decimalsOf = (text: string): number => /\.(\d+)$/.exec(text)?.[1]?.length ?? 0

/** Texts of numbers with room behind them, so that their points stand below each other; each keeps its digits. */
export function aligned(texts: readonly string[]): string[] {
  const most = Math.max(0, ...texts.map(decimalsOf))
  return texts.map((text) => {
    const own = decimalsOf(text)
    return text + '\u00a0'.repeat(most - own + (most && !own && /\d$/.test(text) ? 1 : 0))
  })
}

/** A part of a whole: 0.42 %, 12 %. */
export function share(part: number, whole: number): string {
  if (!whole) return '–'
  const percent = (100 * part) / whole
  return `${percent === 0 || percent >= 10 ? percent.toFixed(0) : percent.toFixed(2)} %`
}

/** Words of troubles, as people say them. */
const TROUBLES: Record<string, string> = {
  rate_limit_exceeded: 'too many calls', insufficient_quota: 'no money left', overloaded: 'overloaded', upstream_error: 'failed',
  upstream_unreachable: 'not reached', upstream_timeout: 'too slow', upstream_garbage: 'answered with garbage', upstream_cut: 'broke off',
  upstream_credentials: 'refused our key', model_not_found: 'no such model', content_filter: 'filtered', context_length_exceeded: 'too long for the model',
  unsupported: 'cannot do this', lost: 'the gateway was killed',
}
export const troubled = (word: string): string => TROUBLES[word] ?? word.replaceAll('_', ' ')

/** What a call came to, in one word. */
export const outcomeOf = (call: Call): string =>
  call.outcome === 'done' ? (call.fell_back ? 'fallback' : 'ok') : call.outcome === 'failed' || call.outcome === 'lost' ? 'error' : call.outcome

/** Why a call did not go straight: what each attempt but the last met, or why there was none. */
export function why(call: Call): string {
  const met = call.attempts.filter((attempt) => attempt.trouble).map((attempt) => `${attempt.model}: ${attempt.status >= 400 ? `${attempt.status}, ` : ''}${troubled(attempt.trouble)}${attempt.seconds >= 1 ? ` after ${secs(attempt.seconds)} s` : ''}`)
  const told = met.length ? met.slice(0, 3).join('; ') : call.trouble && troubled(call.trouble)
  if (call.outcome === 'failed' && call.attempts.length > 1) return `${told}; none left`
  return told
}

/** Whether all words of a filter are somewhere in a call, or in an endpoint. */
export function fits(words: string, ...texts: readonly string[]): boolean {
  const whole = texts.join(' ').toLowerCase()
  return words.toLowerCase().split(/\s+/).every((word) => whole.includes(word))
}
export const callFits = (words: string, call: Call): boolean => fits(words, call.endpoint, call.model, call.provider, outcomeOf(call), troubled(call.trouble), call.user ?? '', call.key ?? '', call.id)
export const endpointFits = (words: string, endpoint: Endpoint): boolean => fits(words, endpoint.name, ...endpoint.targets.flatMap((target) => [target.model, target.provider]))

export interface Health {
  kind: 'ok' | 'warn' | 'bad' | 'none'
  text: string
  /** Of each target that is not well. */
  detail: string
}

/** How an endpoint is: bad if none of its targets takes calls. */
export function healthOf(endpoint: Endpoint): Health {
  const { targets } = endpoint
  if (!targets.length) return { kind: 'none', text: 'gone', detail: 'It is no longer configured.' }
  const told = targets.flatMap((target) => (target.state === 'closed' ? [] : [`${target.model} ${stateOf(target)}${target.reason ? `: ${troubled(target.reason)}` : ''}`]))
  const stopped = targets.filter((target) => target.state !== 'closed' && target.state !== 'slowed')
  const [one] = targets.filter((target) => target.state !== 'closed')
  if (!one) return { kind: 'ok', text: 'well', detail: '' }
  const detail = told.join('; ')
  if (stopped.length && stopped.length < targets.length) return { kind: 'warn', text: `${stopped.length} of ${targets.length} left alone`, detail }
  return { kind: stopped.length ? 'bad' : 'warn', text: stateOf(one), detail }
}

const stateOf = (target: Target): string =>
  ({ closed: 'well', open: `left alone ${duration(target.seconds * 1000)}`, trying: 'tried next', waiting: `waits ${duration(target.seconds * 1000)}`, slowed: `slowed to ${target.limit}` })[target.state]

/** How many attempts at each target failed, where any did. */
export const triedOf = (targets: readonly Target[]): string =>
  targets.flatMap((target) => (target.attempts_failed ? [`${target.model}: ${count(target.attempts_failed)} of ${count(target.attempts)} attempts failed`] : [])).join('; ')

/** Whose finding the states of targets are, as workers do not tell each other; nothing if there is one. */
export const foundBy = ({ workers }: Summary['found_by']): string => (workers > 1 ? `1 of ${workers}` : '')

/** First choices, and what is tried after them, each with its share where it has one. */
export function routeOf(targets: readonly Target[]): string[][] {
  const orders = [...new Set(targets.map((target) => target.fallback))].sort((a, b) => a - b)
  return orders.map((order) => {
    const peers = targets.filter((target) => target.fallback === order)
    const whole = peers.reduce((sum, target) => sum + target.weight, 0)
    return peers.map((target) => (peers.length > 1 && whole ? `${target.model} ${Math.round((100 * target.weight) / whole)} %` : target.model))
  })
}

export const fullest = <T extends { usd: number; used_usd: number }>(budgets: readonly T[]): T | undefined =>
  budgets.toSorted((a, b) => b.used_usd / (b.usd || 1e-9) - a.used_usd / (a.usd || 1e-9))[0]

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

/** When money was spent: 'in November', 'today', 'this week'. Windows are of UTC. */
export function windowWords({ window, begins_ms }: Pick<Spend, 'window' | 'begins_ms'>): string {
  const begins = new Date(begins_ms)
  if (window === 'month') return `in ${MONTHS[begins.getUTCMonth()]}`
  if (window === 'year') return `in ${begins.getUTCFullYear()}`
  return window === 'day' ? 'today' : `this ${window}`
}

/** From which part of a window on it is said where the money will be at its end. */
const EARLY = 0.05

/** What is spent so far, and will be at the end of the window if it goes on so. */
export function spentOf(spend: Spend, now: number): { so_far: number; by_end: number | undefined } {
  const soFar = spend.usd.reduce((sum, value) => sum + value, 0)
  const part = (now - spend.begins_ms) / (spend.ends_ms - spend.begins_ms)
  return { so_far: soFar, by_end: part >= EARLY && soFar ? soFar / Math.min(1, part) : undefined }
}

const SORTS: Record<string, (endpoint: Endpoint) => number | string | null> = {
  name: (each) => each.name, calls: (each) => each.calls, p50: (each) => each.p50, p95: (each) => each.p95,
  errors: (each) => (each.calls ? each.failed / each.calls : null), fell: (each) => (each.calls ? each.fell_back / each.calls : null), spent: (each) => each.usd,
}

/** Endpoints in an order: '-spent', 'name'; what has no value comes last. */
export function sorted(endpoints: readonly Endpoint[], sort: string): Endpoint[] {
  const by = SORTS[sort.replace(/^-/, '')] ?? SORTS.spent!
  const way = sort.startsWith('-') ? -1 : 1
  return endpoints.toSorted((a, b) => {
    const [one, other] = [by(a), by(b)]
    if (one === null || other === null) return one === other ? 0 : one === null ? 1 : -1
    return (one < other ? -1 : one > other ? 1 : 0) * way
  })
}

/** Neighbours added up, so that a strip has as many bars as there is room for. */
export function joined(counts: readonly number[], most: number): number[] {
  const each = Math.ceil(counts.length / most)
  return Array.from({ length: Math.ceil(counts.length / each) }, (_, i) => counts.slice(i * each, (i + 1) * each).reduce((sum, n) => sum + n, 0))
}
