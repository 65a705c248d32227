import { describe, expect, it, vi } from 'vitest'
// What these modules import asks the page about itself, and there is none here.
vi.hoisted(() => Object.assign(globalThis, { document: { querySelector: () => null, querySelectorAll: () => [] } }))
import { type Answer, comparedHere, conditionsOf, fits, grouped, groupable, isGroup, measuresOf, paired, type Score, shownOf, statOf, valueOf, type View, wholeOf, worstFirst } from '../src/pages/evaluate/rows'

const score = (name: string, values: Score['values'], more: Partial<Score> = {}): Score => ({ name, up: true, values, why: {}, errors: {}, ...more })
const answer = (ids: string[], scores: Score[], more: Partial<Answer> = {}): Answer => ({
  run: { run_id: `run ${ids.join('')}`, name: 'r', status: 'FINISHED', experiment_id: '1', experiment: 'e' },
  source: 'rows', kind: '', total: ids.length, ids, traces: ids.map(() => null), broken: [], columns: [{ name: 'ask', role: 'input', values: ids }], scores, figures: [], skipped: {}, tables: [], slices: {}, ...more,
})
const view = (more: Partial<View> = {}): View => ({ show: '', metric: '', sort: 'order', by: '', slice: '', ...more })
const ids = (answers: Answer[], more: Partial<View>) => shownOf(answers, measuresOf(answers), paired(answers), view(more)).map((pair) => pair.id).join('')

describe('rows of evaluations', () => {
  it('are paired by id, and by what went in where no id is in both', () => {
    const one = answer(['a', 'b', 'c'], [])
    expect(paired([one, answer(['c', 'd', 'a'], [])]).map(({ id, at }) => [id, ...at])).toEqual([['a', 0, 2], ['b', 1, -1], ['c', 2, 0], ['d', -1, 1]])
    const other = answer(['1', '2', '3'], [], { columns: [{ name: 'ask', role: 'input', values: ['b', 'b', 'a'] }] })
    expect(paired([one, other]).map(({ id, at }) => [id, ...at])).toEqual([['a', 0, 2], ['b', 1, 0], ['c', 2, -1], ['2', -1, 1]])
  })
  it('have numbers where scorers said yes and no', () => {
    expect([true, 'yes', 'No', 0.5, 'NaN', 'fine', '', null].map((cell) => valueOf(cell as never))).toEqual([1, 1, 0, 0.5, undefined, undefined, undefined, undefined])
  })
  it('come worst first: errors, then what is bad in the direction of each metric', () => {
    const one = answer(['a', 'b', 'c', 'd', 'e'], [score('right', [true, false, true, null, null], { errors: { 3: 'away' } }), score('latency', [9, 1, 1, 1, null], { up: false })], { broken: [4] })
    expect(ids([one], { sort: '' })).toBe('edabc')
    expect(ids([one], { show: 'failed' })).toBe('bde')
    expect(ids([one], { show: 'errors' })).toBe('de')
    expect(ids([one], { sort: '-latency' })[0]).toBe('a')
    expect(ids([one], { hits: new Set(['c', 'a']) })).toBe('ac')
  })
  it('that lost come first with two runs, and those that won or changed are found', () => {
    const two = [answer(['a', 'b', 'c'], [score('s', [1, 1, 0])]), answer(['a', 'b', 'c'], [score('s', [1, 0, 1])])]
    expect(ids(two, { sort: '' })).toBe('bac')
    expect(ids(two, { show: 'lost' })).toBe('b')
    expect(ids(two, { show: 'won', metric: 's' })).toBe('c')
    expect(ids(two, { show: 'changed', metric: 'other' })).toBe('')
    expect(ids(two, { sort: 'differ' })).toBe('bca')
  })
  it('of a slice fit values, ranges and what is missing', () => {
    expect(conditionsOf('age=(20.5, 31.0] & a=b=c')).toEqual([['age', '(20.5, 31.0]'], ['a', 'b=c']])
    const cases: [never, string, boolean][] = [[31, '(20.5, 31.0]', true], [20.5, '(20.5, 31.0]', false], [1, '1.0', true], [true, 'True', true], [null, 'missing', true], ['north', 'south', false], [-5, '(-inf, 0.0]', true]] as never
    for (const [cell, wanted, told] of cases) expect(fits(cell, wanted), `${cell} ${wanted}`).toBe(told)
  })
  it('are grouped by columns of few values, in the order of the values', () => {
    const one = answer(['a', 'b', 'c'], [], { columns: [{ name: 'k', role: 'input', values: ['10', '9', '10'] }, { name: 'same', role: 'input', values: [1, 1, 1] }] })
    expect(groupable([one])).toEqual(['k'])
    expect(grouped([one], paired([one]), 'k').map((item) => (isGroup(item) ? `# ${item.group}` : item.pair.id))).toEqual(['# 9', 'b', '# 10', 'a', 'c'])
  })
})

describe('numbers of evaluations', () => {
  it('count what failed, and have the interval of a mean', () => {
    const found = statOf(score('s', [1, 2, 3, null], { errors: { 3: 'no' } }), [0, 1, 2, 3, -1])
    expect(found).toMatchObject({ n: 3, failed: 1, mean: 2 })
    expect(found.interval![1]).toBeCloseTo(2 + 1.959963984540054 / Math.sqrt(3), 12)
    expect(statOf(score('s', [5]), [0]).interval).toBeUndefined()
  })
  it('are those of the evaluation, unless scores have changed since', () => {
    const figures = [{ name: 's/mean', value: 0.5, count: 2, failed: 3, interval: [0.1, 0.9] as [number, number] }]
    expect(wholeOf(answer(['a', 'b'], [], { figures }), score('s', [0, 1]))).toEqual({ n: 2, failed: 3, mean: 0.5, interval: [0.1, 0.9] })
    expect(wholeOf(answer(['a', 'b'], [], { figures }), score('s', [1, 1])).mean).toBe(1)
  })
  it('of two runs are counted on the rows of both, in the direction of the metric', () => {
    const two = [answer(['a', 'b', 'c'], [score('latency', [1, 2, 3], { up: false }), score('s', [1, 1, 1])]), answer(['b', 'c', 'd'], [score('latency', [3, 1, 1], { up: false }), score('s', [1, 0, 0])])]
    const told = comparedHere(two, measuresOf(two), paired(two), 'ask')
    expect(told.metrics.latency).toMatchObject({ rows: 2, won: 1, lost: 1, equal: 0, before: 2.5, after: 2, difference: -0.5, interval: null })
    expect(told.metrics.s).toMatchObject({ won: 0, lost: 1, equal: 1 })
    expect([told.only_before, told.only_after, Object.keys(told.slices).length]).toEqual([1, 1, 4])
    expect(worstFirst(told.metrics).map((each) => each.metric)).toEqual(['s', 'latency'])
  })
})
