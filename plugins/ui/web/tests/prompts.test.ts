import { describe, expect, it, vi } from 'vitest'
// What these modules import asks the page about itself, and there is none here.
vi.hoisted(() => Object.assign(globalThis, { document: { querySelector: () => null, querySelectorAll: () => [], addEventListener: () => undefined }, addEventListener: () => undefined, location: { pathname: '/', search: '' } }))
import { brief, columnOf, columnOfConfig, columnText, configOfColumn, parametersOf } from '../src/pages/playground/columns'
import { differs, formatOf } from '../src/pages/playground/draft'
import { countOf, inputsOf, leastOf, rowsOf, rowText, totalOf } from '../src/pages/playground/rows'
import { figuresOf, servedBy, sharesOf } from '../src/pages/prompts/answers'
import { changesOf, configOf, configText, fill, filled, isChat, isJinja, isSame, paired, readable, spansOf, templateOf, textOf, variablesOf } from '../src/parts/prompt/template'
import { type Draft, draftOf, formOf, measuredWords, otherReasons, type Tests, wrongWith } from '../src/parts/prompt/tests'
import { namedIn } from '../src/parts/prompt/link'
import { piecesOf } from '../src/parts/words'

const tags = (all: Record<string, string>) => ({ tags: Object.entries(all).map(([key, value]) => ({ key, value })) })
const chat = (messages: unknown) => tags({ 'mlflow.prompt.text': JSON.stringify(messages), _mlflow_prompt_type: 'chat' })
const text = (content: string) => [{ role: '', content }]

describe('variables', () => {
  it('are those that MLflow finds, each once and in their order', () =>
    expect(variablesOf(text('{{ b }} {{a.c}} {{b}} {{a-b}} {{größe}} {a} {{1x}} {{}} {{_}}'))).toEqual(['b', 'a.c', '_']))
  it('are filled once: a value that looks like a place stays as it is', () => {
    expect(fill('{{name}} in {{ place }}', { name: '{{place}}', place: '$& $1' })).toBe('{{place}} in $& $1')
    expect(fill('{{toString}} {{missing}}', {})).toBe('{{toString}} {{missing}}')
  })
  it('are marked without losing anything', () => {
    const all = 'a {{b}}{{c}} <b>'
    expect(spansOf(all).map((span) => span.text).join('')).toBe(all)
    expect(spansOf(all).filter((span) => span.isVariable).map((span) => span.text)).toEqual(['{{b}}', '{{c}}'])
  })
  it('of Jinja are told apart', () => expect([text('{% if a %}'), text('{{ a }} 5 %}')].map(isJinja)).toEqual([true, false]))
})

describe('templates', () => {
  it('are texts, or chats; what is no chat is the text that it is', () => {
    expect(templateOf(tags({ 'mlflow.prompt.text': 'Hi {{a}}', _mlflow_prompt_type: 'text' }))).toEqual(text('Hi {{a}}'))
    expect(templateOf(chat([{ role: 'user', content: 'Hi' }]))).toEqual([{ role: 'user', content: 'Hi' }])
    expect(templateOf(chat([{ role: 'user', content: [{ type: 'text' }] }]))[0]!.content).toContain('"type": "text"')
    for (const broken of [[], [{ role: '' }], { role: 'user' }, 'x', [{ role: 'user' }]]) expect(isChat(templateOf(chat(broken))), JSON.stringify(broken)).toBe(false)
    expect(isChat(templateOf(tags({ 'mlflow.prompt.text': '[{"role', _mlflow_prompt_type: 'chat' })))).toBe(false)
  })
  it('go back to the registry as they came', () => {
    const messages = [{ role: 'system', content: 'a "b"' }, { role: 'user', content: '{{c}}\n' }]
    expect(templateOf({ tags: [{ key: 'mlflow.prompt.text', value: textOf(messages) }, { key: '_mlflow_prompt_type', value: 'chat' }] })).toEqual(messages)
    expect(filled(messages, { c: 'x' })[1]).toEqual({ role: 'user', content: 'x\n' })
    expect(filled(text('{{a}}'), { a: 'b' })).toEqual([{ role: 'user', content: 'b' }])
    expect(readable(messages)).toBe('system: a "b"\n\nuser: {{c}}\n')
  })
  it('are compared message by message', () => {
    const [s, u, a] = [{ role: 'system', content: 's' }, { role: 'user', content: 'u' }, { role: 'assistant', content: 'a' }]
    expect(paired([s, u], [s, { ...u, content: 'v' }])).toEqual([{ role: 'system', before: 's', after: 's' }, { role: 'user', before: 'u', after: 'v' }])
    expect(paired([u], [s, u, a]).map(({ role, only }) => `${role} ${only ?? ''}`)).toEqual(['system after', 'user ', 'assistant after'])
    // One put in before another of its role is the new one.
    expect(paired([u, a], [{ ...u, content: 'first' }, u, a]).map(({ only }) => only)).toEqual(['after', undefined, undefined])
    expect(isSame(paired([s, u], [s, u])) && !isSame(paired([s], []))).toBe(true)
    expect(paired(text('a'), [s]).map(({ only }) => only)).toEqual(['before', 'after'])
  })
  it('are compared with their config and schema', () => {
    const version = (config: object, format = '') => ({ template: text('a'), config: config as Record<string, unknown>, format })
    expect(changesOf(version({ temperature: 0.2, model_name: 'm' }), version({ model_name: 'm', temperature: 0.7 }, '{}'))).toMatchObject({ config: { before: 'model_name: m\ntemperature: 0.2', after: 'model_name: m\ntemperature: 0.7' }, format: { after: '{}' } })
    expect(changesOf(version({ a: null }), version({}))).toMatchObject({ config: undefined, format: undefined })
    expect(configOf(tags({ _mlflow_prompt_model_config: '[1]' }))).toEqual({})
    expect(configText({ stop_sequences: ['a'] })).toBe('stop_sequences: ["a"]')
  })
  it('differ by words', () =>
    expect(piecesOf('Be helpful and brief.', 'Be brief.')!.filter(({ sign }) => sign !== ' ').map(({ sign, text }) => sign + text.trim())).toEqual(['-helpful and']))
})

describe('columns', () => {
  const column = { endpoint: 'tern-70b', temperature: '0.2', tokens: '512', stop: 'END\na,b&c=%' }
  it('are kept in the address', () => {
    expect(columnOf(columnText(column))).toEqual(column)
    expect(columnText(columnOf('plain'))).toBe('plain')
    expect([brief(column), brief(columnOf('a'))]).toEqual(['t 0.2 · 512 max · stop', 'as the model has it'])
  })
  it('say what is wrong before anything is asked', () => {
    expect(parametersOf(column)).toEqual({ parameters: { temperature: 0.2, max_tokens: 512, stop: ['END', 'a,b&c=%'] }, wrong: '' })
    for (const wrong of [{ temperature: 'hot' }, { temperature: '-1' }, { tokens: '0' }, { tokens: '1.5' }, { stop: 'a\nb\nc\nd\ne' }]) expect(parametersOf({ ...column, ...wrong }).wrong, JSON.stringify(wrong)).not.toBe('')
  })
  it('come from a config, and go back into one with what they do not know', () => {
    expect(columnOfConfig({ model_name: 'b', temperature: 0, max_tokens: 9 }, ['a', 'b'])).toEqual({ endpoint: 'b', temperature: '0', tokens: '9', stop: '' })
    expect(columnOfConfig({ model_name: 'gone' }, ['a'])).toMatchObject({ endpoint: 'a', tokens: '1024' })
    expect(configOfColumn({ top_p: 0.5, temperature: 1, model_name: 'x' }, { ...column, temperature: '' })).toEqual({ top_p: 0.5, model_name: 'tern-70b', max_tokens: 512, stop_sequences: ['END', 'a,b&c=%'] })
  })
})

describe('rows', () => {
  const records = JSON.stringify([{ dataset_record_id: 'r', inputs: { q: 'Why?', user: { name: 'Ann', age: 3 }, 'user.age': 4 } }, {}])
  it('hold texts by the names that templates use', () => {
    const [row, empty] = rowsOf({ records })
    expect(row!.values).toEqual({ q: 'Why?', user: '{"name":"Ann","age":3}', 'user.name': 'Ann', 'user.age': '4' })
    expect(empty!.values).toEqual({})
    expect(inputsOf(['q', 'tone', 'none'], row, { tone: 'dry', q: 'typed' })).toEqual({ q: 'Why?', tone: 'dry' })
    expect([countOf({ profile: '{"num_records": 5}' } as never), countOf({ profile: 'x' } as never), countOf({} as never)]).toEqual([5, undefined, undefined])
  })
  it('are summed up: what failed took nothing, and a price that nobody knows makes the sum unknown', () => {
    const cell = { state: 'done', first: 1, took: 2, tokens: { input: 3, output: 4 }, usd: 0.5 }
    expect(totalOf([cell, { ...cell, first: 3, took: 4 }, { ...cell, state: 'failed', took: 90 }])).toEqual({ first: 2, took: 3, tokens: 14, usd: 1 })
    expect(totalOf([cell, { ...cell, usd: null }]).usd).toBeNull()
    expect(totalOf([])).toEqual({ first: undefined, took: undefined, tokens: undefined, usd: undefined })
    expect([leastOf([2, 1]), leastOf([1, 1]), leastOf([1]), leastOf([null, 2, undefined, 3])]).toEqual([1, -1, -1, 1])
  })
})

it('what is written is compared with a version, and schemas are objects', () => {
  const parts = { template: text('a'), config: {}, format: '' }
  expect([differs({ template: text('a'), format: ' ', inputs: { x: '1' } }, parts), differs({ template: [{ role: 'user', content: 'a' }], format: '', inputs: {} }, parts)]).toEqual([false, true])
  expect(formatOf('{"type": "object"}')).toEqual({ schema: { type: 'object' }, wrong: '' })
  for (const wrong of ['[]', '1', '{']) expect(formatOf(wrong).wrong, wrong).not.toBe('')
})

it('numbers of versions: scores of most versions first, then what they took', () => {
  const uses = (scores: object, more: object = {}) => ({ runs: [], runs_total: 0, models: [], traces: [], traces_total: 0, scores, latency_ms: null, cost: null, tokens: null, ...more }) as never
  const found = figuresOf({ versions: { 1: uses({ brief: 1 }), 2: uses({ brief: 1, grounded: 0.9, latency: 2 }, { latency_ms: 1500 }) } }, 1)
  expect(found.map((figure) => figure.key)).toEqual(['brief', 'latency'])
  expect([found[1]!.of(uses({ latency: 2 })), found[1]!.of(uses({}, { latency_ms: 1500 })), found[1]!.of(undefined)]).toEqual([2, 1.5, null])
  expect(figuresOf(undefined, 2)).toEqual([])
})

it('what names prompts is read, whatever it is', () => {
  expect(namedIn('[{"name": "a", "version": 3}, {"name": "b"}, null, 1]')).toEqual([{ name: 'a', version: '3' }])
  expect(['{', '{}', '1', undefined].map(namedIn)).toEqual([[], [], [], []])
})

it('endpoints serve the version that their prompt stands for now', () => {
  const gateway = { endpoints: [{ name: 'a', prompt: 'p@production' }, { name: 'b', prompt: 'p/2' }, { name: 'c', prompt: 'p' }, { name: 'd', prompt: 'pp@production' }, { name: 'e', prompt: '' }, { name: 'f' }] }
  const aliases = [['production', '2']] as const
  expect([servedBy(gateway, 'p', '2', aliases, '3'), servedBy(gateway, 'p', '3', aliases, '3'), servedBy(undefined, 'p', '3', aliases, '3')]).toEqual([['a', 'b'], ['c'], []])
})

it('callers of an alias are shared as its tag says, whatever stands there', () => {
  const of = (value: string) => sharesOf([{ key: 'pegboard.prompt.traffic.production', value }], 'production')
  expect(of('{"10": 1, "9": 2, "3": 0}')).toBe('v9 66.7%, v10 33.3%')
  for (const none of ['', '{', '[]', 'null', '{"1": "x"}', '{"1": 0}']) expect(of(none)).toBe('')
  expect(sharesOf(undefined, 'production')).toBe('')
})

it('variables may be called as what every object has', () => {
  const names = ['constructor', '__proto__', 'toString']
  expect(inputsOf(names, undefined, {})).toEqual({})
  const [row] = rowsOf({ records: '[{"inputs": {"constructor": "a", "__proto__": "b"}}]' })
  const inputs = inputsOf(names, row, {})
  expect(Object.entries(inputs)).toEqual([['constructor', 'a'], ['__proto__', 'b']])
  expect(rowText(names, inputs)).toBe('constructor: a  __proto__: b  toString: –')
  expect(fill('{{constructor}} {{__proto__}} {{toString}}', inputs)).toBe('a b {{toString}}')
})

describe('tests of a prompt', () => {
  const scorers = [
    { scorer_id: 's1', name: 'kind', experiment_id: '7', description: '', judge: true, endpoint: 'judge', needs: [], refused: '' },
    { builtin: 'Guidelines', name: 'guidelines', description: '', judge: true, endpoint: '', needs: [], refused: '' },
  ]
  const draft: Draft = {
    dataSet: 'cities', models: [{ endpoint: 'small', params: { temperature: 0 } }, { endpoint: 'big', params: undefined }],
    rules: [{ kind: 'contains', value: '{{capital}}' }, { kind: 'length', value: '40' }, { kind: 'is-json', value: '' }],
    scorers: [{ key: 's1', least: '0.5' }, { key: ':Guidelines', least: '' }], guidelines: 'Be kind.\nBe brief.', judge: 'judge', share: '62.5',
  }
  const bound = (form: Record<string, unknown>, more: Partial<Tests> = {}): Tests => ({ form, fail_under: 0.625, data_sets: [{ name: 'cities', version: '1' }], written: 0, cases_with_own: 0, models: [], judge: '', asserted: [], ...more })
  it('are the same again after they were bound', () => expect(draftOf(bound(formOf(draft, scorers)), scorers)).toEqual({ draft, isMore: false }))
  it('say what a form cannot show, and what is missing', () => {
    for (const form of [{ repeat: 2 }, { models: 'openai:/gpt-4o' }, { defaults: { assert: [{ type: 'contains', value: 'x', weight: 2 }] } }, { defaults: { assert: [{ python: 'x.py:y' }] } }, { defaults: { threshold: 1 } }]) expect(draftOf(bound(form), scorers).isMore, JSON.stringify(form)).toBe(true)
    expect(draftOf(bound({ defaults: { assert: ['is-json', { 'not-icontains': 'x' }] } }), scorers)).toMatchObject({ isMore: false, draft: { rules: [{ kind: 'is-json', value: '' }, { kind: 'not-icontains', value: 'x' }] } })
    for (const wrong of [{ dataSet: '' }, { models: [] }, { rules: [], scorers: [] }, { rules: [{ kind: 'equals', value: ' ' }] }, { rules: [{ kind: 'length', value: 'x' }] }, { scorers: [{ key: 's1', least: 'x' }] }, { guidelines: '' }, { share: '101' }, { scorers: [{ key: 'gone', least: '' }] }]) expect(wrongWith({ ...draft, ...wrong }, scorers), JSON.stringify(wrong)).not.toBe('')
    expect(wrongWith(draft, scorers)).toBe('')
  })
  it('say by how much a threshold is missed', () => {
    const tests = bound({}, { asserted: [{ name: 'kind', kind: 'registered', words: 'kind gives at least 0.5', threshold: 0.5 }] })
    const said = (more: object) => measuredWords({ model: 'm', name: 'kind', passed: 3, rows: 5, least: 0.5, mean: 0.6, worst: 0.2, ...more }, tests)
    expect(said({})).toEqual({ text: 'kind gives at least 0.5: 3 of 5 rows, mean 0.6, worst 0.2; 0.5 is wanted: 0.3 too little', isBad: true })
    expect(said({ name: '', least: 0.9 })).toEqual({ text: '3 of 5 rows pass, 90 % have to: 30 points too few', isBad: true })
    expect(said({ name: '', passed: 5, least: 1 }).isBad).toBe(false)
    expect(otherReasons({ state: 'failed', measured: [], why: ['m: 1 of 2 cases pass, and 90% have to'] })).toHaveLength(1)
    expect(otherReasons({ state: 'failed', measured: [{ model: 'm', name: '', passed: 1, rows: 2, least: 1, mean: 0.5, worst: 0.5 }], why: ['m: 1 of 2 cases pass, and 90% have to', 'worse'] })).toEqual(['worse'])
  })
})
