import { describe, expect, it } from 'vitest'
import { assign, claim, dashOf, hueClass, shapeOf, SLOTS } from '../src/core/pegs'

const names = (n: number) => Array.from({ length: n }, (_, i) => `r${i}`)

describe('colours', () => {
  it('go to runs in order, and stay', () => {
    const given = assign([], ['a', 'b'])
    expect(assign(given, ['c', 'a', 'b'])).toEqual(['a', 'b', 'c'])
  })
  it('are thirty', () => expect(assign([], names(50))).toEqual(names(SLOTS)))
  it('fill what is free first', () => expect(assign(['a', null, 'c'], ['d'])).toEqual(['a', 'd', 'c']))
  it('go to a picked run, from the last one that is not picked', () => {
    const given = assign([], names(SLOTS))
    const kept = new Set([`r${SLOTS - 1}`, 'x'])
    const next = claim(given, 'x', kept)
    expect(next[SLOTS - 2]).toBe('x')
    expect(next[SLOTS - 1]).toBe(`r${SLOTS - 1}`)
    expect(new Set(next).size).toBe(SLOTS)
  })
  it('never are of two runs', () => expect(assign([], ['a', 'a', 'b'])).toEqual(['a', 'b']))
})

it('beyond ten the hue comes again, dashed, then dotted', () => {
  expect([0, 9, 10, 29, -1].map(hueClass)).toEqual(['c0', 'c9', 'c0', 'c9', 'cx'])
  expect([0, 10, 20, -1].map(dashOf)).toEqual([0, 1, 2, 0])
})

it('the shape says how a run is', () =>
  expect(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'].map(shapeOf)).toEqual(['running', 'running', 'finished', 'failed', 'killed']))
