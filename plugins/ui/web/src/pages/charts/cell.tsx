/** One cell of the grid: a chart of a metric, or one that somebody added. */
import { useState } from 'preact/hooks'
import { titleOf } from '../../core/columns'
import { setQuery } from '../../core/router'
import type { Dots } from '../../parts/chart/axis'
import { Chart } from '../../parts/chart/chart'
import type { ChartRun } from '../../parts/chart/lines'
import { Plot } from '../../parts/chart/plot'
import { MenuItem } from '../../parts/menu'
import { Images, Tables } from './media'
import { PickColumn } from './pick'
import type { Item } from './rows'
import type { Added } from './added'

export interface CellContext {
  runs: readonly ChartRun[]
  turn: number
  height: number
  group: string
  pinned: readonly string[]
  q: string
  experiments: readonly string[]
  dots?: Dots
  matched: number
  ask: (q: string) => void
  move: (key: string, to: number) => void
  placeOf: (key: string) => number
  /** Change an added chart; without a new one it goes. */
  change: (index: number, next?: Added) => void
}

export function CellOf({ item, context }: { item: Item; context: CellContext }) {
  if (item.kind === 'added') return <AddedCell index={item.index} added={item.added} context={context} />
  const { runs, turn, height, group, pinned, move, placeOf } = context
  const { key } = item
  const menu = (
    <>
      <MenuItem does={() => move(key, 0)}>Move to the front</MenuItem>
      <MenuItem does={() => move(key, placeOf(key) - 1)}>Move before</MenuItem>
      <MenuItem does={() => move(key, placeOf(key) + 1)}>Move behind</MenuItem>
      <hr />
    </>
  )
  return <Chart runs={runs} keys={[key]} turn={turn} height={height} group={group} pinned={pinned} menu={menu} open={peek} movable />
}

/** A run beside the charts; of groups there is none. */
const peek = (run: string): void => { if (!run.startsWith('group ')) setQuery({ peek: run }) }

const NAMES: Record<string, readonly string[]> = { scatter: ['x', 'y'], contour: ['x', 'y', 'colour'], box: ['groups', 'y'], bar: ['value'] }

function AddedCell({ index, added, context }: { index: number; added: Added; context: CellContext }) {
  const [picking, setPicking] = useState<{ at: number; element: Element }>()
  const { kind, columns } = added
  const remove = <MenuItem does={() => context.change(index)}>Take this chart away</MenuItem>
  if (kind === 'images') return <Images name={columns[0]!} runs={context.runs} turn={context.turn} remove={() => context.change(index)} />
  if (kind === 'table') return <Tables path={columns[0]!} runs={context.runs} turn={context.turn} remove={() => context.change(index)} />
  const pick = (at: number) => () => setPicking({ at, element: document.activeElement ?? document.body })
  const set = (next: string[]) => context.change(index, { kind, columns: next })
  const menu = (
    <>
      {columns.map((column, at) => <MenuItem key={column} does={pick(at)} detail={titleOf(column)}>{NAMES[kind]?.[at] ?? `axis ${at + 1}`}…</MenuItem>)}
      {kind === 'parallel' && <MenuItem does={pick(columns.length)}>Add an axis…</MenuItem>}
      {kind === 'parallel' && columns.length > 2 && columns.map((column, at) => <MenuItem key={`- ${column}`} does={() => set(columns.filter((_, i) => i !== at))}>Take {titleOf(column)} away</MenuItem>)}
      {(kind === 'scatter' || kind === 'contour') && <MenuItem does={() => set([columns[1]!, columns[0]!, ...columns.slice(2)])}>Swap x and y</MenuItem>}
      {remove}
      <hr />
    </>
  )
  return (
    <>
      {context.dots && columns.every((column) => context.dots!.cols[column]) && <Plot kind={kind} columns={columns} dots={context.dots} matched={context.matched} height={kind === 'parallel' ? 300 : context.height} q={context.q} ask={context.ask} menu={menu} />}
      {picking && <PickColumn at={picking.element} label="Column" experiments={context.experiments} pick={(column) => set(columns.map((each, i) => (i === picking.at ? column : each)).concat(picking.at === columns.length ? [column] : []))} close={() => setPicking(undefined)} />}
    </>
  )
}
