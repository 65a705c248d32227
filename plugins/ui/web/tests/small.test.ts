import { expect, it } from 'vitest'
import { parseColumn, quotedColumn, quotedValue, titleOf } from '../src/core/columns'
import { lessIsBetter } from '../src/core/direction'
import { age, clock, duration, left } from '../src/core/times'

it.each([
  ['loss', true], ['val_loss', true], ['train/loss', true], ['valLoss', true], ['rmse', true], ['cer', true], ['val_ppl', true],
  ['acc', false], ['f1', false], ['glossary_score', false], ['terror', false], ['auc', false],
])('%s falls: %s', (name, falls) => expect(lessIsBetter(name)).toBe(falls))

it('durations', () =>
  expect([820, 4200, 12_000, 41 * 60_000, 62 * 60_000, 3 * 86_400_000 + 4 * 3_600_000, null].map(duration)).toEqual(['820ms', '4.2s', '12s', '41m', '1h 02m', '3d 04h', '–']))
it('ages', () => {
  const now = 1_000_000_000_000
  expect([now, now - 40_000, now - 120_000, now - 86_400_000 * 10, null].map((then) => age(then, now))).toEqual(['now', '40s', '2m', '10d', '–'])
})
it('what is left', () => expect([30_000, 360_000, 9 * 3_600_000].map(left)).toEqual(['30 s left', '6 min left', '9 h left']))
it('the clock', () => expect(clock(new Date(2026, 4, 12, 9, 2, 5).getTime())).toBe('09:02:05'))

it('a key is all that follows the first dot', () => {
  expect(parseColumn('metrics.a.b/c')).toEqual({ kind: 'metrics', key: 'a.b/c' })
  expect(['metrics.acc', 'params.a b', 'metrics.a/b', 'tags.x`y'].map(quotedColumn)).toEqual(['metrics.acc', 'params.`a b`', 'metrics.`a/b`', 'tags."x`y"'])
  expect(["adam", "it's"].map(quotedValue)).toEqual(["'adam'", '"it\'s"'])
  expect(['attributes.duration', 'tags.mlflow.note.content', 'metrics.x/y'].map(titleOf)).toEqual(['took', 'note', 'x/y'])
})
