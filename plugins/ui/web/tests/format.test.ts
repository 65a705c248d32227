import { describe, expect, it } from 'vitest'
import { brief, bytes, columnOf, exact, grouped, one, signed } from '../src/core/format'

describe('a column of numbers', () => {
  const shown = (...values: (number | null)[]) => values.map(columnOf(values))

  it('shows four digits with the points below each other', () => {
    expect(shown(0.9412, 0.93771, 0.1)).toEqual(['.9412', '.9377', '.1000'])
    expect(shown(14.823, 3.2)).toEqual(['14.82', '3.20'])
    expect(shown(1234.5, 2.25)).toEqual(['1,235', '2'])
  })
  it('puts commas before the point alone', () => expect([grouped(1234.56789, 5), grouped(-1000, 2)]).toEqual(['1,234.56789', '-1,000.00']))
  it('shows whole numbers whole', () => expect(shown(128, 50000, 0, -3, -123456789)).toEqual(['128', '50,000', '0', '-3', '-123,456,789']))
  it('shares an exponent where all are tiny or huge', () => {
    expect(shown(3.12e-5, 1.2e-6, 0)).toEqual(['3.120e-5', '0.120e-5', '0'])
    expect(shown(1.5e9, 2.25e8)).toEqual(['1.500e9', '0.225e9'])
  })
  it('never shows something small as nothing', () => expect(shown(2.31, 0.00002)).toEqual(['2.310', '2.0e-5']))
  it('keeps what is no number', () => {
    expect(shown(0.5, NaN, Infinity, -Infinity, null)).toEqual(['.5000', 'NaN', 'inf', '-inf', '–'])
  })
  it('is of zeros only', () => expect(shown(0, 0)).toEqual(['0', '0']))
  it('keeps the sign before the point', () => expect(shown(-0.25, 0.5)).toEqual(['-.2500', '.5000']))
})

describe('one number', () => {
  it.each([
    [0.94123, '0.9412'], [14.823, '14.82'], [1204, '1,204'], [3.2101e-5, '3.210e-5'], [null, '–'], [NaN, 'NaN'],
  ])('%s is %s', (value, text) => expect(one(value)).toBe(text))
  it('has its sign', () => expect([signed(0.025), signed(-3.1), signed(0)]).toEqual(['+0.02500', '-3.100', '0']))
  it('is exact in titles', () => expect([exact(0.1 + 0.2), exact(-Infinity)]).toEqual(['0.30000000000000004', '-inf']))
})

it('sizes', () => expect([0, 999, 1200, 1.2e9].map(bytes)).toEqual(['0 B', '999 B', '1.2 kB', '1.2 GB']))
it('ticks', () => expect([0, 0.5, 2500, 1e6].map(brief)).toEqual(['0', '0.5', '2.5k', '1M']))
