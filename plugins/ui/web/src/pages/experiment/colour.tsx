/** Colours of runs: by what they have in a column, with its legend, or one that somebody chose. */
import { useEffect, useLayoutEffect, useMemo } from 'preact/hooks'
import { titleOf } from '../../core/columns'
import { count } from '../../core/format'
import { withTerm } from '../../core/grammar'
import { colouring, HUE_NAMES, HUES, overrides, SLOTS, STEPS } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { Float, MenuItem } from '../../parts/menu'
import { Peg } from '../../parts/peg'
import { colourRuns, type Target } from './actions'
import { type Entry, entriesOf, slotFor } from './coloured'
import type { Spreads } from './head'
import type { RunRow, Source } from './rows'
import { change, type View } from './state'

const WORDS = ['solid', 'dashed', 'dotted']

interface Wanted {
  experiments: readonly string[]
  view: View
  q: string
  source: Source
  pinned: readonly RunRow[]
  turn: number
}

/** Colour the runs of the table by what they have in the column of the view; returns the legend. */
export function useColouring({ experiments, view, q, source, pinned, turn }: Wanted): Entry[] {
  const column = view.colour
  const found = useResource<{ columns: Spreads }>(column && experiments.length ? 'runs/histogram' : null, { experiment_ids: [...experiments], q, columns: [column], bins: STEPS, turn: turn || undefined })
  const spread = column ? found.data?.columns[column] : undefined
  const version = source.version.value
  useLayoutEffect(() => {
    if (!column) colouring.value = undefined
    if (!spread) return
    const slots = new Map<string, number>()
    for (const row of pinned) slots.set(row.id, slotFor(spread, row.cell(column)))
    for (const [run, value] of source.cells(column)) slots.set(run, slotFor(spread, value))
    colouring.value = slots
  }, [column, spread, source, version, pinned.length])
  useEffect(() => () => { colouring.value = undefined }, [])
  const matched = source.heads.value?.matched ?? 0
  return useMemo(() => (spread ? entriesOf(column, spread, matched) : []), [column, spread, matched])
}

export function Legend({ column, entries, q }: { column: string; entries: readonly Entry[]; q: string }) {
  return (
    <div class="legend" role="group" aria-label={`Colours by ${titleOf(column)}`}>
      <span class="i3 cut">{titleOf(column)}</span>
      {entries.map(({ label, slot, runs, term }) => {
        const body = <><Peg slot={slot} status="finished" size={9} /><span class="cut">{label}</span><span class="i3">{count(runs)}</span></>
        return term ? <button key={label} title={`Only ${term}`} onClick={() => change({ q: withTerm(q, term) })}>{body}</button> : <span key={label} class="e">{body}</span>
      })}
      <span class="x" />
      <button class="i3" onClick={() => change({ colour: '' })}>own colours</button>
    </div>
  )
}

/** The thirty colours a run may have, and that which it gets by itself. */
export function ColourMenu({ at, experiment, runs, close }: { at: Element; experiment: string; runs: readonly Target[]; close: () => void }) {
  const chosen = new Set(runs.map(({ id }) => overrides.value[id] ?? null))
  const give = (slot: number | null) => () => { close(); void colourRuns(experiment, runs, slot) }
  return (
    <Float at={at} close={close} label={runs.length === 1 ? `Colour of ${runs[0]!.name}` : `Colour of ${runs.length} runs`}>
      <div class="swatches" role="presentation">
        {Array.from({ length: SLOTS }, (_, slot) => {
          const name = `${HUE_NAMES[slot % HUES]}, ${WORDS[Math.floor(slot / HUES)]}`
          return <button key={slot} role="menuitemradio" aria-checked={chosen.has(slot)} aria-label={name} title={name} onClick={give(slot)}><Peg slot={slot} status="finished" size={13} /></button>
        })}
      </div>
      <MenuItem does={give(null)} checked={chosen.size === 1 && chosen.has(null)}>As it comes</MenuItem>
    </Float>
  )
}
