import { describe, expect, it, vi } from 'vitest'
// What these modules import asks the page about itself, and there is none here.
vi.hoisted(() => Object.assign(globalThis, { document: { querySelector: () => null, querySelectorAll: () => [] } }))
import type { Change, Run, Version } from '../src/parts/registry/answers'
import { better, day, fits, gatesOf, headlineOf, lanesOf, metricsOf, ticks, told } from '../src/parts/registry/figures'
import { lastMetrics, statusOf } from '../src/pages/logged/answers'
import { signatureOf, signatureText } from '../src/parts/signature'

let number = 0
const move = (timestamp: number, key: string, before: string | undefined, after: string | undefined, more: Partial<Change> = {}): Change => ({ number: ++number, timestamp, name: 'm', kind: 'alias', key, before, after, ...more })
const run = (metrics: Run['metrics']): Run => ({ run_id: 'r', name: 'heron', status: 'FINISHED', experiment_id: '1', user: '', start_time: 0, end_time: 0, deleted: false, metrics, data: [], code: {} })

describe('lanes of aliases', () => {
  const changes = [move(10, 'edge', undefined, '1'), move(20, 'champion', undefined, '1'), move(30, 'champion', '1', '2'), move(40, 'champion', '2', '1', { undoes: 3 }), move(50, 'edge', '1', undefined)]
  it('say from when to when a version held an alias, the champion first, what nobody holds last', () => {
    const lanes = lanesOf([...changes].reverse())
    expect(lanes.map((lane) => lane.alias)).toEqual(['champion', 'edge'])
    expect(lanes[0]!.segments.map(({ version, from, to, back }) => [version, from, to, back])).toEqual([['1', 20, 30, false], ['2', 30, 40, false], ['1', 40, null, true]])
    expect(lanes[1]!.segments.map(({ from, to }) => [from, to])).toEqual([[10, 50]])
  })
  it('begin with what was before where the history is cut', () => {
    expect(lanesOf([move(30, 'a', '4', '5')], false)[0]!.segments.map((each) => each.version)).toEqual(['4', '5'])
    expect(lanesOf([move(30, 'a', '4', '5')])[0]!.segments.map((each) => each.version)).toEqual(['5'])
  })
})

describe('the numbers of versions', () => {
  it('are those that most have, the headline first', () => {
    const runs = [run({ acc: 1, loss: 1 }), run({ acc: 1, 'train/x': 1 }), run({ loss: 2 })]
    expect(metricsOf(runs, 'loss', 2)).toEqual(['loss', 'acc'])
    expect(headlineOf(runs)).toBe('acc')
    expect(headlineOf([])).toBeNull()
  })
  it('are better in the direction of the metric', () => {
    expect(better('max', 2, 1)).toBe(1)
    expect(better('min', 2, 1)).toBe(-1)
    expect([better('none', 2, 1), better('max', NaN, 1), better('max', null, 1), better('max', 1, 1)]).toEqual([0, 0, 0, 0])
  })
})

describe('a time axis', () => {
  const HOUR = 3_600_000
  it('has a handful of places, whatever it spans', () => {
    for (const span of [60_000, HOUR, 5 * HOUR, 24 * HOUR, 9 * 24 * HOUR, 140 * 24 * HOUR, 3000 * 24 * HOUR]) {
      const found = ticks(1_760_000_000_000 - span, 1_760_000_000_000)
      expect(found.length).toBeLessThanOrEqual(14)
      expect(found.every((tick) => tick.at >= 1_760_000_000_000 - span && tick.at <= 1_760_000_000_000)).toBe(true)
    }
  })
  it('names days, with a year that is another', () => {
    expect(day(new Date(2025, 6, 4).getTime(), new Date(2025, 9, 1).getTime())).toBe('4 Jul')
    expect(day(new Date(2023, 6, 4).getTime(), new Date(2025, 9, 1).getTime())).toBe('4 Jul 2023')
  })
})

it('tells changes in words', () => {
  expect(told(move(1, 'champion', '7', '9'))).toBe('champion moved from v7 to v9')
  expect(told(move(1, 'champion', '9', '7', { undoes: 2 }))).toBe('champion rolled back from v9 to v7')
  expect(told({ ...move(1, '', undefined, 's'), kind: 'version', version: '3' })).toBe('v3 registered')
  expect(told({ ...move(1, 'Production', undefined, 'approved'), kind: 'approval', version: '3' })).toBe('v3 approved for Production')
})

it('finds gates in any spelling, and versions by words', () => {
  const rules = { stages: [], approvals_needed: 1, gates: { '*': ['a'], Production: ['b', 'a'] } }
  expect(gatesOf(rules, 'production')).toEqual(['a', 'b'])
  expect(gatesOf(rules, 'other')).toEqual(['a'])
  const version = { version: '9', aliases: ['champion'], current_stage: 'None', description: 'more mixup', tags: [{ key: 'team', value: 'audio' }] } as unknown as Version
  expect(fits(version, run({}), 'HERON team=audio')).toBe(true)
  expect(fits(version, run({}), 'v8')).toBe(false)
})

describe('signatures', () => {
  const yaml = `flavors:
  python_function: {}
signature:
  inputs: '[{"name": "it''s", "type": "double", "required": true}, {"name":
    "long name", "type": "string", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]'
  params: null
utc_time_created: x
`
  it('are read however the lines are broken', () => {
    expect(signatureOf(yaml)).toEqual({ inputs: [{ name: "it's", type: 'double', required: true }, { name: 'long name', type: 'string', required: false }], outputs: [{ name: '–', type: 'float32 (n × 3)', required: true }], params: [] })
    expect(signatureText(signatureOf(yaml))).toBe("inputs:\n  it's: double\n  long name: string, optional\noutputs:\n  –: float32 (n × 3)\n")
  })
  it('are missing where there is none, or nothing that can be read', () => {
    expect(signatureOf('flavors: {}')).toBeUndefined()
    expect(signatureOf("signature:\n  inputs: 'broken'\n")).toBeUndefined()
  })
  it('may nest', () => {
    const nested = `signature:\n  inputs: '[{"type": "array", "items": {"type": "object", "properties": {"a": {"type": "long"}}}, "name": "x"}]'\n  outputs: null\n  params: '[{"name": "t", "type": "double", "default": 0.5}]'\n`
    expect(signatureOf(nested)).toMatchObject({ inputs: [{ type: '[{a: long}]' }], params: [{ type: 'double = 0.5' }] })
  })
})

it('shows the last value of a metric for each data', () => {
  const found = lastMetrics([{ key: 'acc', value: 1, step: 1, timestamp: '10' }, { key: 'acc', value: 2, step: 2, timestamp: '10' }, { key: 'acc', value: 3, step: 0, timestamp: 1, dataset_name: 'd' }])
  expect(found.map((metric) => metric.value)).toEqual([2, 3])
  expect(statusOf('LOGGED_MODEL_UPLOAD_FAILED')).toBe('upload failed')
})
