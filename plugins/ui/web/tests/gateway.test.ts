import { expect, it } from 'vitest'
import { type Call, type Endpoint, fits, foundBy, healthOf, joined, limit, outcomeOf, routeOf, secs, share, sorted, spentOf, type Target, triedOf, usd, why, windowWords } from '../src/pages/gateway/answers'
import { type Piece, Reader, refusal } from '../src/parts/gateway/pieces'

const target = (model: string, more: Partial<Target> = {}): Target => ({ provider: 'p', model, weight: 1, fallback: 0, attempts: 0, attempts_failed: 0, state: 'closed', seconds: 0, reason: '', running: 0, ...more })
const endpoint = (more: Partial<Endpoint>): Endpoint => ({ name: 'a', is_there: true, chats: true, tasks: [], targets: [], counts: [], budgets: [], calls: 0, cached: 0, failed: 0, refused: 0, gone: 0, fell_back: 0, tokens: 0, usd: 0, unpriced: 0, p50: null, p95: null, ...more })
const call = (more: Partial<Call>): Call => ({ number: 1, id: '', started_ms: 0, endpoint: 'a', provider: 'p', model: 'm', outcome: 'done', status: 200, trouble: '', stream: false, tokens_in: 0, tokens_out: 0, usd: 0, seconds: 0, first_token_seconds: 0, fell_back: false, attempts: [], ...more })

it('money', () => {
  expect([0, 412.8, 1234.5, 0.0081, 0.00012, 0.0000032, null].map(usd)).toEqual(['$0.00', '$412.80', '$1,234.50', '$0.0081', '$0.0001', '$3.2e-6', '?'])
  expect([600, 1200, 0.5, 2.25, 0.00001].map(limit)).toEqual(['$600', '$1,200', '$0.50', '$2.25', '$1.0e-5'])
})
it('seconds and shares', () => {
  expect([null, 0.0042, 0.71, 12.44, 130].map(secs)).toEqual(['–', '0.004', '0.71', '12.4', '130'])
  expect([share(0, 0), share(0, 9), share(77, 18204), share(1, 4), share(1, 1)]).toEqual(['–', '0 %', '0.42 %', '25 %', '100 %'])
})
it('outcomes, and why', () => {
  const fell = [{ model: 'm1', trouble: 'rate_limit_exceeded', status: 429, seconds: 0.1 }, { model: 'm2', trouble: '', status: 200, seconds: 2 }]
  expect([call({}), call({ fell_back: true }), call({ outcome: 'failed' }), call({ outcome: 'lost' }), call({ outcome: 'cached' }), call({ outcome: 'refused' })].map(outcomeOf)).toEqual(['ok', 'fallback', 'error', 'error', 'cached', 'refused'])
  expect([call({}), call({ attempts: fell }), call({ outcome: 'failed', attempts: [fell[0]!, { model: 'm2', trouble: 'upstream_timeout', status: 0, seconds: 60 }] }), call({ outcome: 'refused', trouble: 'budget_exceeded' })].map(why)).toEqual(['', 'm1: 429, too many calls', 'm1: 429, too many calls; m2: too slow after 60.0 s; none left', 'budget exceeded'])
})
it('the state of an endpoint is that of its targets', () => {
  const open = { state: 'open' as const, seconds: 280, reason: 'upstream_timeout' }
  expect([[target('a')], [target('a', open)], [target('a', open), target('b')], [target('a', { state: 'slowed', limit: 3 })], []].map((targets) => { const { kind, text } = healthOf(endpoint({ targets })); return `${kind} ${text}` })).toEqual(['ok well', 'bad left alone 4m', 'warn 1 of 2 left alone', 'warn slowed to 3', 'none gone'])
  expect(healthOf(endpoint({ targets: [target('a', open)] })).detail).toBe('a left alone 4m: too slow')
})
it('a route is its first choices with their shares, then what is tried after them', () =>
  expect(routeOf([target('a', { weight: 3 }), target('c', { fallback: 2 }), target('b')])).toEqual([['a 75 %', 'b 25 %'], ['c']]))
it('targets that failed are told, and whose finding their state is', () => {
  expect(triedOf([target('a', { attempts: 1200, attempts_failed: 7 }), target('b', { attempts: 7 })])).toBe('a: 7 of 1,200 attempts failed')
  expect([foundBy({ process: 9, workers: 1 }), foundBy({ process: 9, workers: 4 })]).toEqual(['', '1 of 4'])
})
it('endpoints are sorted, what has no value last', () => {
  const all = [endpoint({ name: 'a', usd: 1 }), endpoint({ name: 'b', usd: 2, calls: 2, failed: 1, p95: 3 })]
  expect(['-spent', 'name', '-errors', 'errors', '-p95', 'nonsense'].map((sort) => sorted(all, sort).map((each) => each.name).join(''))).toEqual(['ba', 'ab', 'ba', 'ba', 'ba', 'ab'])
})
it('windows, and where the money will be', () => {
  const begins = Date.UTC(2026, 10, 1)
  const spend = { window: 'month', begins_ms: begins, ends_ms: Date.UTC(2026, 11, 1), step_ms: 86_400_000, usd: [10, 5], unpriced: 0, budget: null }
  expect(['month', 'year', 'day', 'week', '10 minutes'].map((window) => windowWords({ window, begins_ms: begins }))).toEqual(['in November', 'in 2026', 'today', 'this week', 'this 10 minutes'])
  expect(spentOf(spend, begins + 15 * 86_400_000)).toEqual({ so_far: 15, by_end: 30 })
  expect(spentOf(spend, begins + 86_400_000)).toEqual({ so_far: 15, by_end: undefined })
})
it('a strip has as many bars as there is room for', () => expect([joined([1, 2, 3, 4, 5], 3), joined([], 3), joined([1], 3)]).toEqual([[3, 7, 5], [], [1]]))
it('all words have to be somewhere', () => expect([fits('chat fall', 'Chat', 'fallback'), fits('chat x', 'chat'), fits('', 'a')]).toEqual([true, false, true]))

const STREAM = 'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n: ping\n\ndata: {"choices":[{"delta":{"content":"Grüß"}}]}\r\n\r\ndata:{"choices":[{"delta":{"content":" 🐦"}}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":6}}\n\ndata: [DONE]\n\n'
it('a stream is read wherever it is cut', () => {
  const bytes = new TextEncoder().encode(STREAM)
  const wanted: Piece[] = [{ text: 'Grüß' }, { text: ' 🐦' }, { tokens: { input: 7, output: 6 } }]
  for (let at = 0; at <= bytes.length; at++) {
    const reader = new Reader()
    expect([...reader.feed(bytes.slice(0, at)), ...reader.feed(bytes.slice(at))]).toEqual(wanted)
  }
})
it('a stream is whole when it says so, with or without a line end', () => {
  const ended = (text: string) => { const reader = new Reader(); reader.feed(new TextEncoder().encode(text)); return reader.ended }
  expect(['data: [DONE]\n\n', 'data: [DONE]', 'data: [DON', 'data: {"choices":[{"finish_reason":"stop"}]}\n', ''].map(ended)).toEqual([true, true, false, false, false])
})
it('errors are the words of the gateway', () => {
  expect(() => new Reader().feed(new TextEncoder().encode('data: {"error":{"message":"It broke.","hint":"Try again."}}\n'))).toThrow('It broke.')
  expect(refusal('{"error":{"message":"No."}}', 429)).toMatchObject({ message: 'No.', hint: '' })
  expect(refusal('{"message":"Log in.","hint":"There."}', 401)).toMatchObject({ message: 'Log in.', hint: 'There.' })
  expect(refusal('<html>', 502, 'r1')).toMatchObject({ message: 'The gateway answered with status 502.', requestId: 'r1' })
})
