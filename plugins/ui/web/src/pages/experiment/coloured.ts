/** Which colour a value has, and what the colours mean. */
import { quotedColumn, quotedValue } from '../../core/columns'
import { columnOf } from '../../core/format'
import { num } from '../../core/num'
import { STEPS, stepSlot } from '../../core/pegs'
import type { Spread } from './head'
import type { Cell } from './rows'

export interface Entry {
  label: string
  slot: number
  runs: number
  /** The comparison that such runs fit; '' where there is none. */
  term: string
}

/** Which slot a value has: a hue of its own for each of the most frequent texts, a step for numbers. */
export function slotFor(spread: Spread, value: Cell): number {
  if (value === null || value === undefined) return -1
  if (spread.kind === 'text') return spread.values.indexOf(String(value))
  const found = num(value as number)
  if (found === null || !Number.isFinite(Number(found))) return -1
  const bins = spread.counts.length
  let bin = bins - 1
  while (bin > 0 && Number(found) < spread.edges[bin]!) bin--
  return stepSlot(stepOf(bin, bins))
}

/** Few bins take steps that are far apart. */
const stepOf = (bin: number, bins: number): number => (bins < 2 ? STEPS - 1 : Math.round((bin * (STEPS - 1)) / (bins - 1)))

/** What the colours mean, as many rows as there are colours. */
export function entriesOf(column: string, spread: Spread, matched: number): Entry[] {
  const key = quotedColumn(column)
  const entries: Entry[] = []
  if (spread.kind === 'text') spread.values.forEach((value, i) => entries.push({ label: value, slot: i, runs: spread.counts[i]!, term: `${key} = ${quotedValue(value)}` }))
  else {
    const { counts, edges } = spread
    const shown = columnOf(edges)
    const last = counts.length - 1
    counts.forEach((runs, i) => {
      const [lo, hi] = [edges[i]!, edges[i + 1]!]
      const term = column.startsWith('attributes.') ? '' : `${key} >= ${lo} and ${key} ${i === last ? '<=' : '<'} ${hi}`
      entries.push({ label: lo === hi ? shown(lo) : `${shown(lo)} to ${shown(hi)}`, slot: stepSlot(stepOf(i, counts.length)), runs, term })
    })
  }
  const others = matched - entries.reduce((sum, { runs }) => sum + runs, 0)
  if (others > 0) entries.push({ label: 'others', slot: -1, runs: others, term: '' })
  return entries
}
