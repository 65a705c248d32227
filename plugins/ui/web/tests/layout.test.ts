import { describe, expect, it } from 'vitest'
import { DATASETS, termOf, usesOf } from '../src/core/columns'
import { arranged, layout, nameWidth, shortened, withSpark } from '../src/pages/experiment/layout'
import { branchesOf, type Key } from '../src/pages/experiment/keytree'

const key = (column: string): Key => ({ column, kind: 'metrics', runs: 1, distinct: 1, min: 0, max: 1 })

it('columns stand in the order of kinds, the note last', () =>
  expect(arranged(['params.opt', 'tags.mlflow.note.content', 'attributes.start_time', 'metrics.acc', 'attributes.duration', 'tags.team'])).toEqual(
    ['metrics.acc', 'params.opt', 'tags.team', 'attributes.duration', 'attributes.start_time', 'tags.mlflow.note.content']))
it('curves stand behind the last metric', () => {
  expect(withSpark(['metrics.a', 'params.b'], 'a')).toEqual(['metrics.a', 'spark', 'params.b'])
  expect(withSpark(['params.b'], '')).toEqual(['params.b'])
})
it('numbers go to the right, texts to the left, another kind stands apart', () => {
  const values: Record<string, (string | number | null)[]> = { 'metrics.a': [0.5, null], 'params.n': ['1', '', '3e-4'], 'params.t': ['1', 'x'] }
  const cols = layout(Object.keys(values), (name) => values[name]!, '', '')
  expect(cols.map((col) => [col.right, col.apart])).toEqual([[true, false], [true, true], [false, false]])
  expect(cols[0]!.format(null)).toBe('–')
  expect(cols[0]!.format('NaN')).toBe('NaN')
})
it.each([['3e-4', '3e-4'], ['0.000186915887850467', '0.0001869'], ['123456789012', '123456789012'], ['not a number', 'not a number']])('%s is shown as %s', (text, shown) => expect(shortened(text)).toBe(shown))
it('names have the room they need, and no more', () => {
  expect(nameWidth([{ name: 'x', depth: 0, children: 0 }])).toBe(180)
  expect(nameWidth([{ name: 'x'.repeat(250), depth: 0, children: 0 }])).toBe(440)
})

describe('datasets', () => {
  const text = 'a, b@9f2c8a7be1 (training), wine@77aa'
  it('are told apart', () => expect(usesOf(text)).toEqual([{ name: 'a, b', digest: '9f2c8a7be1', context: 'training' }, { name: 'wine', digest: '77aa', context: '' }]))
  it('are shown with the head of their digest', () => expect(layout([DATASETS], () => [text], '', '')[0]!.format(text)).toBe('a, b@9f2c8a7b (training), wine@77aa'))
  it.each([
    [DATASETS, 'wine@77aa', "dataset.name = 'wine' and dataset.digest = '77aa'"],
    ['params.opt', "it's", `params.opt = "it's"`],
    ['metrics.a/b', 0.5, 'metrics.`a/b` = 0.5'],
    ['attributes.duration', 5, ''],
  ])('%s of %s is asked for as %s', (column, value, term) => expect(termOf(column, value)).toBe(term))
})

describe('keys as a tree', () => {
  const shape = (columns: string[]): unknown => {
    const walk = (branches: ReturnType<typeof branchesOf>): unknown => branches.map((branch) => (branch.key ? branch.label : [branch.label, walk(branch.inside)]))
    return walk(branchesOf(columns.map(key)))
  }
  it('is by slashes', () => expect(shape(['metrics.b', 'metrics.t/a', 'metrics.t/l/0', 'metrics.t/l/1'])).toEqual(['b', ['t', ['a', ['l', ['0', '1']]]]]))
  it('leaves one that is alone as it is', () => expect(shape(['metrics.t/a/b', 'metrics.u'])).toEqual(['t/a/b', 'u']))
  it('takes odd names', () => expect(shape(['metrics./a', 'metrics.a//b', 'metrics.a/', 'metrics.'])).toHaveLength(3))
})
