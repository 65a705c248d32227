/** What is picked or covered: what can be done with it, its statistics, and its copy. */
import { useState } from 'preact/hooks'
import { num } from '../../core/api'
import { tsv } from '../../core/copy'
import { plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { hasRoute, navigate } from '../../core/router'
import { may } from '../../core/root'
import { Ask } from '../../parts/ask'
import { ColourMenu } from './colour'
import { pinRuns, renameRun, setDeleted, type Target, tagRuns } from './actions'
import { type Col, SPARK } from './layout'
import type { RunRow, Source } from './rows'
import { change, sortColumn, type View } from './state'
import type { Block } from './table'

export interface Acts {
  /** The picked runs, or the one under the cursor. */
  targets: readonly Target[]
  single: string
  pins: readonly string[]
  setPins: (pins: readonly string[]) => void
  hides: (ids: string[], on: boolean) => void
  renew: () => void
  view: View
  pick: (ids: string[], on?: boolean) => void
}

export function Picked({ targets, single, pins, setPins, hides, renew, view, pick }: Acts) {
  const [asking, setAsking] = useState<'tag' | 'rename'>()
  const [colouring, setColouring] = useState<Element>()
  const ids = targets.map((run) => run.id)
  const needs = !ids.length && 'a run (j, space)'
  const picked = view.runs.length
  const hide = () => change({ hidden: ids.every((id) => view.hidden.includes(id)) ? view.hidden.filter((id) => !ids.includes(id)) : [...new Set([...view.hidden, ...ids])] }, true)
  const pin = () => {
    const on = !ids.every((id) => pins.includes(id))
    void pinRuns(single, targets, on, (found, shown) => setPins(shown ? [...new Set([...pins, ...found])] : pins.filter((id) => !found.includes(id))))
  }
  const removes = view.deleted ? 'Restore' : 'Delete'
  const remove = () => { void setDeleted(targets, !view.deleted, hides); pick(ids, false) }
  const compare = () => navigate(`/compare?runs=${ids.join(',')}`)
  const canCompare = picked > 1 && hasRoute('/compare')
  useKeys('Picked runs', {
    c: hasRoute('/compare') ? { does: 'Compare the picked runs', run: compare, needs: !canCompare && 'two picked runs (space)' } : undefined,
    'g v': { does: 'Evaluations of the picked runs', run: () => navigate(`/evaluate?runs=${ids.join(',')}`), needs },
    t: may('write') ? { does: 'Tag', run: () => setAsking('tag'), needs } : undefined,
    e: may('write') ? { does: 'Rename', run: () => setAsking('rename'), needs: ids.length !== 1 && 'one run (j, space)' } : undefined,
    x: { does: 'Hide or show in charts', run: hide, needs },
    p: single && may('write') ? { does: 'Pin or unpin', run: pin, needs } : undefined,
    'Shift+C': single && may('write') ? { does: 'Colour', run: () => setColouring(document.querySelector('.foot .over .colour') ?? document.querySelector('.row.at .peg') ?? document.body), needs } : undefined,
    Backspace: may('delete') ? { does: removes, run: remove, needs } : undefined,
    Escape: picked ? { does: 'Pick none', run: () => change({ runs: [] }, true) } : undefined,
  })
  return (
    <>
      {picked > 0 && (
        <>
          <span>{plural(picked, 'picked').replace(/s$/, '')}</span>
          <span class="acts">
            {canCompare && <button onClick={compare}>compare<kbd>c</kbd></button>}
            {may('write') && <button onClick={() => setAsking('tag')}>tag<kbd>t</kbd></button>}
            <button onClick={hide}>hide<kbd>x</kbd></button>
            {single && may('write') && <button onClick={pin}>pin<kbd>p</kbd></button>}
            {single && may('write') && <button class="colour" aria-haspopup="menu" onClick={(event) => setColouring(event.currentTarget)}>colour<kbd>shift C</kbd></button>}
            {may('delete') && <button onClick={remove}>{removes.toLowerCase()}<kbd>del</kbd></button>}
          </span>
        </>
      )}
      {colouring && <ColourMenu at={colouring} experiment={single} runs={targets} close={() => setColouring(undefined)} />}
      {asking === 'tag' && <Ask title={`Tag ${plural(ids.length, 'run')}`} button="Tag" fields={[{ name: 'key', label: 'Name of the tag' }, { name: 'value', label: 'Value', required: false }]} does={({ key, value }) => void tagRuns(targets, key!, value ?? '', renew)} close={() => setAsking(undefined)} />}
      {asking === 'rename' && targets[0] && <Ask title={`Rename ${targets[0].name}`} button="Rename" fields={[{ name: 'name', label: 'New name', value: targets[0].name }]} does={({ name }) => void renameRun(targets[0]!, name!, renew)} close={() => setAsking(undefined)} />}
    </>
  )
}

/** The numbers that are covered, or those of the picked runs in the sorted column. */
function numbersOf(source: Source, cols: readonly Col[], block: Block | undefined, view: View): { title: string; col: Col; values: number[] } | undefined {
  if (block) {
    const found: number[] = []
    const columns = cols.slice(Math.min(block.col, block.col2), Math.max(block.col, block.col2) + 1)
    for (let row = Math.min(block.row, block.row2); row <= Math.max(block.row, block.row2); row++) {
      const each = source.at(row)
      if (each?.kind !== 'run') continue
      for (const col of columns) found.push(numberIn(each, col))
    }
    const col = columns.find((each) => each.kind === 'metrics') ?? columns[0]
    return col && { title: columns.length === 1 ? col.title : `${found.length} cells`, col, values: found.filter(Number.isFinite) }
  }
  const col = cols.find((each) => each.name === sortColumn(view.sort) && each.kind === 'metrics') ?? cols.find((each) => each.kind === 'metrics')
  if (!col || view.runs.length < 2) return undefined
  const rows = view.runs.map((id) => source.at(source.indexOf(id))).filter((row): row is RunRow => row?.kind === 'run')
  return { title: col.title, col, values: rows.map((row) => numberIn(row, col)).filter(Number.isFinite) }
}

function numberIn(row: RunRow, col: Col): number {
  const value = row.cell(col.name)
  if (value === null || value === undefined || value === '') return NaN
  return typeof value === 'string' && col.kind !== 'metrics' ? Number(value) : (num(value as number) ?? NaN)
}

export function statsOf(source: Source, cols: readonly Col[], block: Block | undefined, view: View) {
  const found = numbersOf(source, cols, block, view)
  if (!found?.values.length) return null
  const { title, col, values } = found
  const shown = (value: number) => (col.kind === 'metrics' ? col.format(value) : String(+value.toPrecision(4)))
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return <><span class="k">{title}</span> min {shown(Math.min(...values))} <span class="k">·</span> mean {shown(mean)} <span class="k">·</span> max {shown(Math.max(...values))}</>
}

/** What is copied: the covered cells, else the picked rows, else the row under the cursor. */
export function tsvOf(source: Source, cols: readonly Col[], block: Block | undefined, picked: readonly string[], at: number): string {
  const real = cols.filter((col) => col.name !== SPARK)
  if (block) {
    const columns = cols.slice(Math.min(block.col, block.col2), Math.max(block.col, block.col2) + 1).filter((col) => col.name !== SPARK)
    const rows = []
    for (let row = Math.min(block.row, block.row2); row <= Math.max(block.row, block.row2); row++) {
      const each = source.at(row)
      if (each?.kind === 'run') rows.push(columns.map((col) => col.exact(each.cell(col.name), each)))
    }
    return tsv(rows)
  }
  const ids = picked.length ? picked : [(source.at(at) as RunRow | undefined)?.id ?? '']
  const rows = ids.map((id) => source.at(source.indexOf(id))).filter((row): row is RunRow => row?.kind === 'run')
  return rows.length ? tsv([['name', ...real.map((col) => col.title)], ...rows.map((row) => [row.name, ...real.map((col) => col.exact(row.cell(col.name), row))])]) : ''
}
