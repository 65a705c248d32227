/** The head of the table: names, the order, and how the values of each column are spread. */
import { useRef, useState } from 'preact/hooks'
import { quotedColumn, termOf } from '../../core/columns'
import { one } from '../../core/format'
import { Bars, Shares } from '../../parts/spark'
import { type Col, SPARK } from './layout'
import { isDown, sortColumn } from './state'

export type Spread =
  | { kind: 'number'; edges: number[]; counts: number[]; nan: number; infinite: number }
  | { kind: 'text'; values: string[]; counts: number[]; other: number }

export type Spreads = Record<string, Spread>

export const BINS = 14

export interface HeadProps {
  cols: Col[]
  /** Whether there is an empty last column. */
  room: boolean
  sort: string
  group: string
  spreads: Spreads
  asked: readonly string[]
  menu: (column: string, at: Element) => void
  onSort: (column: string) => void
  /** Add a comparison to the filter. */
  ask: (term: string) => void
}

export function Head({ cols, room, sort, group, spreads, asked, menu, onSort, ask }: HeadProps) {
  const sorted = sortColumn(sort)
  return (
    <div role="row" aria-rowindex={1} class="row head">
      <div role="columnheader" class="c nm" aria-sort={sorted === 'attributes.run_name' ? (isDown(sort) ? 'descending' : 'ascending') : undefined}>
        <button tabIndex={-1} data-does="Order by name" onClick={() => onSort('attributes.run_name')}>{group ? group.replace(/^\w+\./, '') : 'name'}</button>
      </div>
      {cols.map((col) => {
        const isSorted = col.name === sorted
        const spread = spreads[col.name]
        return (
          <div key={col.name} role="columnheader" class={`c${col.right ? ' r' : ''}${col.apart ? ' g' : ''}${isSorted ? ' sorted' : ''}${asked.includes(col.name) ? ' asked' : ''}`} aria-sort={isSorted ? (isDown(sort) ? 'descending' : 'ascending') : undefined}
            onContextMenu={(event) => { event.preventDefault(); menu(col.name, event.currentTarget) }}>
            {col.name === SPARK ? <span class="cut">{col.title}</span> : (
              <button tabIndex={-1} class="cut" data-does={`Order by ${col.title}`} title={`${col.name}${asked.includes(col.name) ? ', asked for in the filter, order or groups' : ''}`} onClick={() => onSort(col.name)}>
                {col.title}{isSorted && <Down up={!isDown(sort)} />}
              </button>
            )}
            {spread && <Spreading col={col} spread={spread} ask={ask} />}
            <button tabIndex={-1} class="more" aria-label={`Menu of ${col.title}`} onClick={(event) => menu(col.name, event.currentTarget)}>
              <svg width="8" height="8" viewBox="0 0 8 8" fill="currentColor" aria-hidden="true"><circle cx="1" cy="4" r="1" /><circle cx="4" cy="4" r="1" /><circle cx="7" cy="4" r="1" /></svg>
            </button>
          </div>
        )
      })}
      {room && <div role="columnheader" class="c"><span class="sr">Room</span></div>}
    </div>
  )
}

const Down = ({ up }: { up: boolean }) => (
  <svg class="dir" width="7" height="10" viewBox="0 0 7 10" fill="none" stroke="currentColor" stroke-width="1.4" aria-hidden="true">
    <path d={up ? 'M3.5 9.5V1M.7 3.8 3.5 1l2.8 2.8' : 'M3.5.5V9M.7 6.2 3.5 9l2.8-2.8'} />
  </svg>
)

/** Bars to look at, and to drag over: what is covered becomes a part of the filter. */
function Spreading({ col, spread, ask }: { col: Col; spread: Spread; ask: (term: string) => void }) {
  const box = useRef<HTMLDivElement>(null)
  const [brush, setBrush] = useState<[number, number]>()
  const width = col.width - 16 - (col.apart ? 16 : 0)
  const at = (event: PointerEvent) => Math.max(0, Math.min(0.9999, (event.clientX - box.current!.getBoundingClientRect().left) / width))
  if (spread.kind === 'text') {
    const told = spread.values.map((value, i) => `${value}: ${spread.counts[i]}`).join('\n')
    const take = (event: MouseEvent) => {
      let place = at(event as PointerEvent) * (spread.counts.reduce((a, b) => a + b, 0) + spread.other)
      const index = spread.counts.findIndex((n) => (place -= n) < 0)
      const value = spread.values[index]
      if (value !== undefined) ask(termOf(col.name, value))
    }
    return <div ref={box} class="spread" title={spread.other ? `${told}\nother: ${spread.other}` : told} onClick={take}><Shares counts={spread.other ? [...spread.counts, spread.other] : spread.counts} width={width} /></div>
  }
  const { counts, edges } = spread
  const bin = (x: number) => Math.floor(x * counts.length)
  const up = () => {
    if (!brush) return
    const [a, b] = [Math.min(...brush), Math.max(...brush)]
    const key = quotedColumn(col.name)
    const isEnd = b === counts.length - 1
    // Attributes of time have no column that a filter may ask for a range of in words; numbers do.
    if (col.name !== 'attributes.duration') ask(`${key} >= ${edges[a]} and ${key} ${isEnd ? '<=' : '<'} ${edges[b + 1]}`)
    setBrush(undefined)
  }
  return (
    <div ref={box} class="spread" title={`${one(edges[0])} to ${one(edges.at(-1))}${spread.nan ? `, ${spread.nan} NaN` : ''}`}
      onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); setBrush([bin(at(event)), bin(at(event))]); event.stopPropagation() }}
      onPointerMove={(event) => brush && setBrush([brush[0], bin(at(event))])} onPointerUp={up}>
      <Bars counts={counts} width={width} height={16} on={(i) => brush !== undefined && i >= Math.min(...brush) && i <= Math.max(...brush)} />
    </div>
  )
}
