import { describe, expect, it } from 'vitest'
import { columnOf, isFilter, isWhole, placeAt, tokenize, withTerm } from '../src/core/grammar'

const kinds = (text: string) => tokenize(text).filter((token) => token.kind !== 'space').map((token) => token.kind)

describe('tokens', () => {
  it('are those of the server', () => {
    expect(kinds("metrics.acc > .6 and params.`a b` in ('x', 'it''s')")).toEqual([
      'name', 'operator', 'number', 'keyword', 'name', 'keyword', 'punctuation', 'string', 'punctuation', 'string', 'punctuation',
    ])
  })
  it.each(['', 'a', "tags.x = 'open", 'metrics.`a/b` >= 1e-3', '日本 = 1', '§ 5', '((', "''''"])('have no gaps: %s', (text) => {
    expect(tokenize(text).map((token) => token.text).join('')).toBe(text)
  })
  it('show what is wrong', () => expect(kinds("params.a = 'open")).toEqual(['name', 'operator', 'wrong']))
})

describe('what may come', () => {
  it.each([
    ['', 'column', ''], ['met', 'column', 'met'], ['metrics.ac', 'column', 'metrics.ac'], ['metrics.acc ', 'operator', ''],
    ['metrics.acc > ', 'value', ''], ["params.opt = 'ad", 'value', "'ad"], ["params.opt = 'adam' ", 'join', ''],
    ["params.opt = 'adam' an", 'join', 'an'], ["params.opt in ('a', ", 'value', ''], ["params.opt in ('a')", 'join', ''],
    ['metrics.a > 1 and ', 'column', ''], ['(metrics.a > 1 or ', 'column', ''], ['metrics.a is ', 'value', ''],
  ])('%j: %s', (text, want, typed) => {
    const place = placeAt(text, text.length)
    expect([place.want, place.typed]).toEqual([want, typed])
  })
  it('knows whose value it is', () => expect(placeAt("params.`a b` = '", 16).column).toBe('params.a b'))
  it('works within a text', () => expect(placeAt('met > 1', 3)).toMatchObject({ want: 'column', from: 0, to: 3 }))
})

it.each([
  ['metrics.acc > .6', true], ['metrics.acc >', false], ['metrics.acc', false], ['metrics.', false], ["params.a = 'x", false], ['(metrics.a > 1', false],
  ["params.a in ('x')", true], ['two words', true], ['me', false], ['mel', true], ['metrics.a > 1 and', false], ['metrics.a is null', true], ['metrics.a is not null', true], ['', true],
])('%j is whole: %s', (text, whole) => expect(isWhole(text)).toBe(whole))

it('datasets have names and digests', () => expect([columnOf('datasets.name'), placeAt("dataset.digest = '9", 18).column, isFilter('dataset.name is null'), isWhole('datas')]).toEqual(['dataset.name', 'dataset.digest', true, false]))
it('words are no filter', () => expect([isFilter('night queue'), isFilter("params.a like 'x%'"), isFilter('a=1')]).toEqual([false, true, true]))
it('a term is added', () => {
  expect(withTerm('', 'a = 1')).toBe('a = 1')
  expect(withTerm('b = 2', 'a = 1')).toBe('b = 2 and a = 1')
  expect(withTerm('b = 2 or c = 3', 'a = 1')).toBe('(b = 2 or c = 3) and a = 1')
  expect(withTerm('words', 'a = 1')).toBe('a = 1')
})
it('columns are named as the server names them', () =>
  expect(['metric.`a/b`', 'params.x.y', 'attribute.status', 'status', 'tags."q""q"'].map(columnOf)).toEqual(['metrics.a/b', 'params.x.y', 'attributes.status', 'attributes.status', 'tags.q"q']))
