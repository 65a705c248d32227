import { describe, expect, test } from 'vitest'
import { commitLink, judged, matcher, type MetricTold, type Overview, paramRows, ranked, timeLeft } from '../src/pages/run/data'
import { sweepOf } from '../src/pages/run/trials'

const metric = (more: Partial<MetricTold> = {}): MetricTold => ({ last: 1, step: 10, time: 1000, direction: 'max', points: 10, ...more })
const run = (more: Partial<Overview> = {}): Overview => ({
  info: { run_id: 'a', name: 'a', experiment_id: '1', experiment: 'e', status: 'RUNNING', start_time: 0, end_time: null, user: '', deleted: false, artifact_uri: '' },
  headline: null, metrics: {}, params: {}, tags: {}, progress: null, parent: null, children: 0, datasets: [], models: [], versions: [],
  artifacts: { files: [], total: 0, error: null, all: null }, compare: null, ...more,
})

describe('which numbers come first', () => {
  test('the headline, then what is good or bad, curves before single numbers, the machine never', () => {
    const metrics = {
      lr: metric({ direction: 'none' }), 'train/loss': metric({ direction: 'min' }), acc: metric(), zeta: metric(), final: metric({ points: 1 }), 'system/cpu': metric({ direction: 'none' }),
    }
    expect(ranked(run({ headline: 'zeta', metrics }))).toEqual(['zeta', 'acc', 'train/loss', 'final', 'lr'])
  })
})

describe('a sweep', () => {
  const tags = { 'pegboard.sweep.method': 'grid', 'pegboard.sweep.metric': 'val/acc', 'pegboard.sweep.goal': 'maximize', 'pegboard.sweep.parameters': '["lr", "opt.name"]', 'pegboard.sweep.run_cap': '12' }
  test('is known by its tags, its metric comes last', () => {
    expect(sweepOf(run({ tags }))).toEqual({ method: 'grid', metric: 'val/acc', cap: 12, best: '', falls: false, columns: ['params.lr', 'params.opt.name', 'metrics.val/acc'], sort: '-metrics.val/acc' })
    expect(sweepOf(run())).toBeUndefined()
  })
  test('has a tag that somebody changed', () => {
    expect(sweepOf(run({ tags: { ...tags, 'pegboard.sweep.parameters': '["lr', 'pegboard.sweep.goal': '' } }))).toMatchObject({ columns: ['metrics.val/acc'], falls: true, sort: 'metrics.val/acc' })
  })
})

describe('better or worse', () => {
  test.each([
    ['max', 0.9, 0.8, 1], ['max', 0.7, 0.8, -1], ['min', 0.7, 0.8, 1], ['min', 0.9, 0.8, -1], ['none', 9, 1, 0], ['max', 1, 1, 0], ['max', NaN, 1, 0], ['min', Infinity, 1, 0],
  ] as const)('%s: %f against %f is %i', (direction, value, before, wanted) => {
    expect(judged(direction, value, before)).toBe(wanted)
  })
})

describe('how much longer', () => {
  const progress = { step: 100, total: 400 }
  test('as fast as it was so far, less what has passed since its last point', () => {
    const found = run({ headline: 'acc', metrics: { acc: metric({ step: 100, time: 10_000 }) }, progress })
    expect(timeLeft(found, 12_000)).toBe(28_000)
    expect(timeLeft(found, 99_000)).toBeNull()
  })
  test('nobody knows: it is over, it has no plan, it has not begun', () => {
    const metrics = { acc: metric({ time: 10_000 }) }
    const over = run({ headline: 'acc', metrics, progress })
    expect(timeLeft({ ...over, info: { ...over.info, status: 'FINISHED' } }, 0)).toBeNull()
    expect(timeLeft(run({ headline: 'acc', metrics }), 0)).toBeNull()
    expect(timeLeft(run({ headline: 'acc', metrics, progress: { step: 0, total: 9 } }), 0)).toBeNull()
  })
})

test('parameters that differ come first, with what was before', () => {
  const compare = { run_id: 'b', name: 'b', status: 'FINISHED', metric: 'acc', metrics: {}, params: { lr: '1', opt: 'adam' } }
  expect(paramRows(run({ params: { opt: 'adam', lr: '2', mixup: '0' }, compare }))).toEqual([{ key: 'lr', value: '2', was: '1' }, { key: 'mixup', value: '0', was: null }, { key: 'opt', value: 'adam' }])
  expect(paramRows(run({ params: { b: '1', a: '2' } }))).toEqual([{ key: 'a', value: '2' }, { key: 'b', value: '1' }])
})

describe('names by words or by a regular expression', () => {
  test.each([
    ['loss train', 'train/loss', true], ['LOSS', 'loss', true], ['loss', 'acc', false], ['/^train/', 'train/loss', true], ['/^loss', 'train/loss', false], ['', 'x', true], ['a+b', 'a+b', true],
  ])('%s on %s: %s', (text, key, wanted) => expect(matcher(text)!(key)).toBe(wanted))
  test('one that is not finished is none', () => expect(matcher('/layer[/')).toBeUndefined())
})

describe('the page of a commit', () => {
  const commit = '4be01d7c0ffee'
  test.each([
    ['https://github.com/a/b.git', `https://github.com/a/b/commit/${commit}`], ['git@github.com:a/b.git', `https://github.com/a/b/commit/${commit}`],
    ['ssh://git@gitlab.example.org:2222/g/sub/b.git', `https://gitlab.example.org/g/sub/b/-/commit/${commit}`], ['https://bitbucket.org/a/b', `https://bitbucket.org/a/b/commits/${commit}`],
    ['/srv/git/b.git', ''], ['javascript:alert(1)//github.com/a', ''], ['https://example.org/a/b', ''], ['', ''],
  ])('%s', (remote, wanted) => expect(commitLink(remote, commit)).toBe(wanted))
  test('only of what is a commit', () => expect(commitLink('https://github.com/a/b', '../../evil')).toBe(''))
})
