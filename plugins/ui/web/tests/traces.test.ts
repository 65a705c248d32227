import { asked, choicesOf, type Form, inputOf, wordsFor } from '../src/parts/review/choices'
import { describe, expect, it } from 'vitest'
import { columnOf, isWhole, placeAt } from '../src/core/grammar'
import { named, quoted, text } from '../src/pages/traces/words'
import { answeredIn, askedIn } from '../src/pages/traces/turns'
import { foundOf, gridOf, newIn, talkOf } from '../src/pages/traces/messages'
import { type Columns, criticalPath, dollars, endOf, isBox, rowsOf, slowest, tickText, ticks, took, treeOf } from '../src/pages/traces/spans'

/** 'name parent start end [m]' a line. */
function spans(lines: string[]): Columns {
  const parts = lines.map((line) => line.split(' '))
  const n = parts.length
  return {
    ids: parts.map(([name]) => name!), names: parts.map(([name]) => name!), parents: parts.map(([, parent]) => (parent === '-' ? null : parent!)),
    starts: parts.map((part) => Number(part[2])), ends: parts.map((part) => (part[3] === '?' ? null : Number(part[3]))), is_model: parts.map((part) => part[4] === 'm'),
    types: new Array(n).fill(''), status: new Array(n).fill('OK'), firsts: new Array(n).fill(null), models: new Array(n).fill(null), tokens: new Array(n).fill(null),
    costs: new Array(n).fill(null), notes: new Array(n).fill(''),
  }
}

const AGENT = ['agent - 0 3200', 'plan agent 20 880', 'think plan 50 830 m', 'act agent 1280 1590', 'try act 1290 1410', 'sql act 1290 1580', 'answer agent 1600 3120 m', 'judge agent 2100 3040 m', 'write agent 3130 3190']
const shown = (columns: Columns, order: number[]) => order.map((i) => columns.names[i]).join(' ')

describe('the tree', () => {
  it('puts spans below each other by their start', () => {
    const columns = spans(['b a 5 9', 'a - 0 10', 'c a 1 2'])
    const tree = treeOf(columns)
    expect([shown(columns, tree.order), tree.order.map((i) => tree.depth[i])]).toEqual(['a c b', [0, 1, 1]])
  })
  it('shows what is below a span that is missing, or in a circle, and counts the first', () => {
    const columns = spans(['a gone 0 1', 'b c 1 2', 'c b 2 3', 'd d 3 4'])
    const tree = treeOf(columns)
    expect(tree.order.length).toBe(4)
    expect(tree.orphans).toBe(2)
  })
  it('bears a chain of 20,000', () => {
    const columns = spans(Array.from({ length: 20_000 }, (_, i) => `s${i} ${i ? `s${i - 1}` : '-'} ${i} 20000`))
    const tree = treeOf(columns)
    expect(tree.depth[19_999]).toBe(19_999)
    expect(criticalPath(columns, tree, 0).on.every(Boolean)).toBe(true)
  })
  it('folds', () => {
    const columns = spans(AGENT)
    const tree = treeOf(columns)
    expect(shown(columns, rowsOf(tree, new Set([1, 3])))).toBe('agent plan act answer judge write')
  })
})

describe('the critical path', () => {
  const columns = spans(AGENT)
  const tree = treeOf(columns)
  const path = criticalPath(columns, tree, 0)
  it('goes back from each end to what ended last before', () =>
    expect(shown(columns, tree.order.filter((i) => path.on[i]))).toBe('agent plan think act sql answer write'))
  it('bears clocks that differ a little', () => {
    const near = spans(['r - 0 100', 'a r 0 52', 'b r 50 100', 'c r 0 60'])
    expect(shown(near, treeOf(near).order.filter((i) => criticalPath(near, treeOf(near), 0).on[i]))).toBe('r a b')
  })
  it('counts work alone', () => expect([path.work, path.inModels]).toEqual([780 + 290 + 1520 + 60, 780 + 1520]))
  it('finds the slowest work', () => expect(columns.names[slowest(columns, tree, 0)]).toBe('answer'))
  it('lets what is open end now', () => {
    const open = spans(['a - 0 ?', 'b a 5 ?'])
    expect([endOf(open, 1, 90), criticalPath(open, treeOf(open), 90).on]).toEqual([90, [true, true]])
  })
  it('a model that calls a tool works itself, once', () => {
    const calls = spans(['m - 0 100 m', 't m 10 20'])
    expect(isBox(calls, treeOf(calls), 0)).toBe(false)
    expect(criticalPath(calls, treeOf(calls), 0).work).toBe(100)
  })
})

describe('times', () => {
  it.each([[3200, '3.20 s'], [860, '860 ms'], [0.42, '0.4 ms'], [0, '0 ms'], [125_000, '2 m 05 s'], [3_725_000, '1 h 02 m'], [null, '–']])('%s', (ms, said) => expect(took(ms)).toBe(said))
  it.each([[0, 3200, [0, 1000, 2000, 3000]], [0, 0.5, [0, 0.1, 0.2, 0.3, 0.4, 0.5]], [2100, 2400, [2100, 2200, 2300, 2400]]])('ticks from %s to %s', (from, to, at) =>
    expect(ticks(from, to).at.map((each) => +each.toFixed(6))).toEqual(at))
  it('say no more than their step', () => expect([tickText(2000, 1000), tickText(2200, 100), tickText(0.2, 0.1), tickText(120_000, 60_000)]).toEqual(['2 s', '2.2 s', '0.2 ms', '2 min']))
  it('cost', () => expect([0.0124, 0, 12.5, 0.000004, null].map(dollars)).toEqual(['$0.0124', '$0', '$12.50', '$0.000004', '–']))
})

describe('messages', () => {
  const said = (value: unknown) => talkOf(value as never)?.messages.map((each) => `${each.role}: ${each.pieces.map((piece) => piece.text ?? piece.name ?? (piece.image ? 'image' : JSON.stringify(piece.json))).join(' | ')}`)
  it.each([
    [[{ role: 'user', content: 'a' }], ['user: a']],
    [{ messages: [{ role: 'system', content: 's' }, { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,x' } }] }] }, ['system: s', 'user: a | image']],
    [{ choices: [{ message: { role: 'assistant', content: null, tool_calls: [{ function: { name: 'sql', arguments: '{"q":1}' } }] } }] }, ['assistant: sql']],
    [{ system: 's', messages: [{ role: 'user', content: 'a' }] }, ['system: s', 'user: a']],
    [{ role: 'assistant', content: [{ type: 'tool_use', name: 'find', input: {} }] }, ['assistant: find']],
    [{ generations: [[{ text: 'a', message: { type: 'ai', content: 'a' } }]] }, ['assistant: a']],
    [[{ type: 'human', content: 'a' }, { type: 'ai', content: 'b' }], ['user: a', 'assistant: b']],
    [{ contents: [{ role: 'model', parts: [{ text: 'a' }] }] }, ['assistant: a']],
    [{ candidates: [{ content: { parts: [{ text: 'a' }] } }] }, ['assistant: a']],
    [{ output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'a' }] }] }, ['assistant: a']],
    [{ output: [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] }, { type: 'function_call', name: 'sql', arguments: '{}', call_id: 'c' }, { type: 'function_call_output', output: '3', call_id: 'c' }] }, ['reasoning: hm', 'assistant: sql', 'tool: "3"']],
    [{ output: [{ type: 'reasoning', summary: [] }, { role: 'assistant', content: '', tool_calls: [{ name: 'sql', args: {} }] }] }, ['assistant: sql']],
    [{ model: 'm', instructions: 's', input: 'a' }, ['system: s', 'user: a']],
    [['Three', ' herons'].map((content, n) => ({ choices: [{ index: 0, delta: { ...(n ? {} : { role: 'assistant' }), content } }] })), ['assistant: Three herons']],
    [[{ function: { name: 'sql', arguments: '{"q"' } }, { function: { arguments: ':1}' } }].map((part) => ({ choices: [{ delta: { tool_calls: [{ index: 0, ...part }] } }] })), ['assistant: sql']],
  ])('%j', (value, messages) => expect(said(value)).toEqual(messages))
  it.each([{ a: 1 }, { input: 'a' }, [{ choices: [] }], [], [1], 'text', null, { messages: [] }, { messages: [{ role: 'user' }] }, { role: 'admin' }])('%j is something else', (value) => expect(talkOf(value as never)).toBeUndefined())
  it('an image from elsewhere is only named', () =>
    expect(said([{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.test/a.png' } }] }])).toEqual(['user: https://x.test/a.png']))
  it('what a graph gives back is shown once', () => {
    const [a, b] = talkOf([{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }] as never)!.messages
    expect([newIn([a!, b!], [a!]), newIn([b!], [a!]), newIn([a!], [a!]), newIn([a!, b!], [])]).toEqual([[b], [b], [a], [a, b]])
  })
  it('keeps what stands beside', () => expect(talkOf({ messages: [{ role: 'user', content: 'a' }], temperature: 0.2 } as never)?.rest).toEqual({ temperature: 0.2 }))
})

it('rows are a table', () => {
  expect(gridOf([{ a: 1234, b: 'x' }, { a: 5 }])).toEqual({ columns: ['a', 'b'], rows: [['1,234', 'x'], ['5', '']], numeric: [true, false] })
  expect(gridOf([{ a: 0.107, b: 3 }, { a: 0.12 }])?.rows).toEqual([['0.107', '3'], ['0.120', '']])
  expect([gridOf([]), gridOf([{ a: {} }]), gridOf([1]), gridOf({ a: 1 })]).toEqual([undefined, undefined, undefined, undefined])
})

it('documents are words and where they are from', () => {
  const one = { text: 'a', facts: [['source', 'x.md'], ['score', '0.1235']] }
  const metadata = { source: 'x.md', score: 0.123456, loc: { lines: 1 } }
  for (const value of [[{ page_content: 'a', metadata, type: 'Document' }], { documents: [{ content: 'a', metadata }] }, [{ node: { text: 'a', metadata: { source: 'x.md' } }, score: 0.12346 }]]) expect(foundOf(value as never)).toMatchObject([one])
  expect([[], [{ text: 'a' }], { documents: 'a' }, [{ page_content: 1 }], 'a'].map((value) => foundOf(value as never))).toEqual(Array(5).fill(undefined))
})

describe('the filter of traces', () => {
  it.each([['trace.name', 'trace.name'], ['metadata.`a b`', 'metadata.a b'], ['span.type', 'span.type'], ['feedback.good', 'feedback.good'], ['name', 'attributes.name'], ['Metrics.x', 'metrics.x'], ['parameters.x', 'params.x']])('%s is %s', (typed, column) => expect(columnOf(typed)).toBe(column))
  it('is not whole before its value', () => expect(['trace.sta', "trace.status = 'OK'"].map(isWhole)).toEqual([false, true]))
  it('knows whose value it is', () => expect(named(placeAt("name = '", 8).column)).toBe('trace.name'))
  it('quotes', () => expect([quoted('tags.a b'), quoted('metadata.mlflow.trace.session'), quoted('tags.a`b'), text("it's")]).toEqual(['tags.`a b`', 'metadata.mlflow.trace.session', 'tags.`a``b`', "'it''s'"]))
})

describe('questions', () => {
  const labels = (input: object) => choicesOf(input).map((each) => `${each.label}=${each.value}`)
  it.each([
    [{ pass_fail: { positive_label: 'Right', negative_label: 'Wrong' } }, ['Right=true', 'Wrong=false']],
    [{ categorical: { options: ['a', 'b'] } }, ['a=a', 'b=b']],
    [{ numeric: { min_value: -1, max_value: 1 } }, ['-1=-1', '0=0', '1=1']],
    [{ numeric: { min_value: 0.5, max_value: 2 } }, []],
    [{ numeric: { min_value: 0, max_value: 100 } }, []],
    [{ numeric: { max_value: 5 } }, []],
    [{ text: {} }, []],
  ])('%j', (input, buttons) => expect(labels(input)).toEqual(buttons))
  it('are those of the queue, in the order in which they were made', () => {
    const all = [{ schema_id: 'c', is_default: true }, { schema_id: 'b' }, { schema_id: 'a' }]
    expect([asked(all, []), asked(all, ['c', 'a'])].map((each) => each.map((one) => one.schema_id))).toEqual([['a', 'b'], ['a', 'c']])
  })
})

describe('a turn of a conversation', () => {
  const history = [{ role: 'user', content: 'first' }, { role: 'assistant', content: 'one' }, { role: 'user', content: 'second' }]
  it('asks what the user said last', () => {
    expect(askedIn({ messages: history })).toEqual({ text: 'second' })
    expect(askedIn({ request: { messages: history } })).toEqual({ text: 'second' })
    expect(askedIn('{"question": "why?", "k": 3}')).toEqual({ text: 'why?' })
    expect(askedIn({ any: 'name' })).toEqual({ text: 'name' })
    expect(askedIn([1, 2])).toEqual({ value: [1, 2] })
  })
  it('answers what is new', () => {
    expect(answeredIn({ messages: [...history, { role: 'assistant', content: 'two' }] }, { messages: history })).toEqual({ text: 'two' })
    expect(answeredIn({ choices: [{ message: { role: 'assistant', content: 'two' } }] }, null)).toEqual({ text: 'two' })
    expect(answeredIn({ answer: 'two', sources: [] }, null)).toEqual({ text: 'two' })
    expect(answeredIn(null, null)).toEqual({ value: null })
  })
})

it('a question takes the answers that its form was given, or says what is wrong', () => {
  const made = (form: Form, given: Record<string, string> = {}) => inputOf(form, (key) => given[key] ?? '')
  expect(made('one', { options: ' a, b,a,, c ' })).toEqual({ categorical: { options: ['a', 'b', 'c'], multi_select: false } })
  expect(made('several', { options: 'x' })).toEqual({ categorical: { options: ['x'], multi_select: true } })
  expect(made('numeric', { least: '-1.5', most: '2' })).toEqual({ numeric: { min_value: -1.5, max_value: 2 } })
  expect(made('pass_fail', { positive: 'Yes', negative: 'No' })).toEqual({ pass_fail: { positive_label: 'Yes', negative_label: 'No' } })
  const wrong = [made('one', { options: ' ,' }), made('numeric', { least: '5', most: '5' }), made('numeric', { most: 'x' }), made('pass_fail', { positive: 'a', negative: 'a' })]
  expect(wrong.map((each) => typeof each)).toEqual(wrong.map(() => 'string'))
  expect(wordsFor({ numeric: { min_value: 0, max_value: 1 } })).toBe('a number from 0 to 1')
})
