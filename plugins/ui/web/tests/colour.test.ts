import { describe, expect, it } from 'vitest'
import { dashOf, hueClass, hueToken, stepSlot } from '../src/core/pegs'
import type { Spread } from '../src/pages/experiment/head'
import { entriesOf, slotFor } from '../src/pages/experiment/coloured'

const texts: Spread = { kind: 'text', values: ['adam', "it's"], counts: [5, 2], other: 1 }
const numbers: Spread = { kind: 'number', edges: [0, 1, 2, 3, 4, 5], counts: [1, 0, 0, 0, 2], nan: 1, infinite: 0 }

describe('colours by a column', () => {
  it('are hues of the most frequent texts', () => {
    expect(['adam', "it's", 'rare', null, undefined].map((value) => slotFor(texts, value))).toEqual([0, 1, -1, -1, -1])
  })
  it('are steps of numbers, also where these are texts', () => {
    expect([0, 0.9, 1, 4.5, 5, '3.5'].map((value) => slotFor(numbers, value))).toEqual([0, 0, 1, 4, 4, 3].map(stepSlot))
    expect(['NaN', 'Infinity', null].map((value) => slotFor(numbers, value as string))).toEqual([-1, -1, -1])
  })
  it('of few bins are far apart', () => {
    const two: Spread = { ...numbers, edges: [0, 1, 2], counts: [1, 1] }
    expect([0, 2].map((value) => slotFor(two, value))).toEqual([stepSlot(0), stepSlot(4)])
    expect(slotFor({ ...numbers, edges: [3, 3], counts: [4] }, 3)).toBe(stepSlot(4))
  })
  it('have a legend whose entries are filters', () => {
    const found = entriesOf('params.opt', texts, 10)
    expect(found.map(({ label, slot, runs, term }) => [label, slot, runs, term])).toEqual([
      ['adam', 0, 5, "params.opt = 'adam'"], ["it's", 1, 2, `params.opt = "it's"`], ['others', -1, 3, ''],
    ])
    expect(entriesOf('metrics.acc', numbers, 3)[4]!.term).toBe('metrics.acc >= 4 and metrics.acc <= 5')
  })
  it('of steps have classes and tokens of their own, and no dashes', () => {
    expect([hueClass(stepSlot(3)), hueToken(stepSlot(3)), dashOf(stepSlot(3))]).toEqual(['q3', 'q3', 0])
  })
})
