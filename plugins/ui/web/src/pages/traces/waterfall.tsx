/** The picture: a row a span, its bar where it was in time. */
import type { RefObject } from 'preact'
import { exact } from '../../core/format'
import { rowHeight } from '../../core/theme'
import { Chevron } from '../../parts/icon'
import { Rows, useWindow } from '../../parts/window'
import { type Columns, type Critical, endOf, isBox, ticks, tickText, took, type Tree } from './spans'

export interface FallProps {
  spans: Columns
  tree: Tree
  rows: number[]
  path: Critical
  slow: number
  /** How long ago the trace began, for spans that are open. */
  now: number
  selected: number
  folded: ReadonlySet<number>
  hits: ReadonlySet<number> | undefined
  /** The span whose time fills the width; -1: the whole trace. */
  zoom: number
  scroller: RefObject<HTMLDivElement | null>
  select: (i: number) => void
  fold: (i: number, shut: boolean) => void
}

const INDENT = 16
const DEEPEST = 8

export function Fall(props: FallProps) {
  const { spans, tree, rows, now, zoom, scroller, selected } = props
  const height = rowHeight()
  const seen = useWindow(scroller, rows.length, height, height)
  const from = zoom >= 0 ? spans.starts[zoom]! : Math.min(0, ...spans.starts)
  const to = zoom >= 0 ? endOf(spans, zoom, now) : spans.ids.reduce((last, _, i) => Math.max(last, endOf(spans, i, now)), 0)
  const length = Math.max(to - from, 1e-6)
  const axis = ticks(from, to)
  const at = (time: number): number => ((time - from) / length) * 100
  // A line for each half step.
  const grid = { '--grid': `${(axis.step / length) * 50}%`, '--shift': `${at(axis.at[0] ?? from)}%` }
  const deepest = rows.slice(seen.first, seen.end).reduce((most, i) => Math.max(most, tree.depth[i]!), 0)
  const place = rows.indexOf(selected)
  return (
    <div class="traces-fall dots" ref={scroller} style={grid}>
      <div role="treegrid" aria-label="Spans" aria-rowcount={rows.length + 1} tabIndex={0} aria-activedescendant={place >= 0 ? `span-${place}` : undefined}>
        <div role="rowgroup" class="span-head">
          <div role="row" class="span-row" aria-rowindex={1}>
            <span role="columnheader">span</span>
            <span role="columnheader" class="axis" aria-label="when">
              {axis.at.map((tick) => (at(tick) <= 94 || tick === axis.at[0]) && <span key={tick} style={{ left: `${at(tick)}%` }}>{tickText(tick, axis.step)}</span>)}
            </span>
            <span role="columnheader" class="r">time</span>
          </div>
        </div>
        <Rows window={seen} count={rows.length} height={height} row={(index, top) => (
          <Line key={spans.ids[rows[index]!]} {...props} i={rows[index]!} index={index} top={top} at={at} deepest={deepest} />
        )} />
      </div>
    </div>
  )
}

interface LineProps extends FallProps {
  i: number
  index: number
  top: number
  at: (time: number) => number
  deepest: number
}

function Line({ spans, tree, path, slow, now, selected, folded, hits, select, fold, i, index, top, at, deepest }: LineProps) {
  const inner = tree.children[i]!.length
  const failed = spans.status[i] === 'ERROR'
  const end = endOf(spans, i, now)
  const isOpen = spans.ends[i] === null
  const depth = tree.depth[i]!
  // Deep trees keep their names: a step is smaller where there are many.
  const step = deepest > DEEPEST ? (INDENT * DEEPEST) / deepest : INDENT
  const name = spans.names[i]!
  const hit = hits?.has(i)
  return (
    <div role="row" id={`span-${index}`} aria-rowindex={index + 2} aria-level={depth + 1} aria-selected={i === selected} aria-expanded={inner ? !folded.has(i) : undefined}
      class={`span-row ${i === selected ? 'sel' : ''} ${hits && !hit ? 'dim' : ''}`} style={{ top: `${top}px` }} onClick={() => select(i)} onDblClick={() => inner > 0 && fold(i, !folded.has(i))}>
      <span role="gridcell" class="n" style={{ paddingLeft: `${depth * step}px` }}>
        {inner ? (
          <button tabIndex={-1} aria-label={folded.has(i) ? `Unfold ${name}` : `Fold ${name}`} onClick={(event) => { event.stopPropagation(); fold(i, !folded.has(i)) }}><Chevron to={folded.has(i) ? 'right' : 'down'} /></button>
        ) : (
          <span class="none" />
        )}
        <span class={`cut ${failed ? 'bad' : ''}`} title={name}>{hit ? <mark>{name}</mark> : name}</span>
        {folded.has(i) && <span class="i3">+{inner}</span>}
        <span class="kind">{kindText(spans.types[i]!)}</span>
      </span>
      <span role="gridcell" class="track"><Mark {...{ spans, tree, path, slow, i, at, end, failed, isOpen }} /></span>
      <span role="gridcell" class="d" title={isOpen ? 'not ended yet' : `${exact(end - spans.starts[i]!)} ms`}>{isOpen ? 'running' : took(end - spans.starts[i]!)}</span>
    </div>
  )
}

const WORDS: Record<string, string> = { CHAT_MODEL: 'llm', UNKNOWN: '', EMBEDDING: 'embed' }
export const kindText = (type: string): string => WORDS[type] ?? type.toLowerCase().replaceAll('_', ' ')

type MarkProps = Pick<LineProps, 'spans' | 'tree' | 'path' | 'slow' | 'i' | 'at'> & { end: number; failed: boolean; isOpen: boolean }

function Mark({ spans, tree, path, slow, i, at, end, failed, isOpen }: MarkProps) {
  const begins = at(spans.starts[i]!)
  const width = at(end) - begins
  const first = spans.firsts[i]
  const head = first === null || first === undefined || end <= spans.starts[i]! ? 0 : Math.min(100, ((first - spans.starts[i]!) / (end - spans.starts[i]!)) * 100)
  const box = isBox(spans, tree, i)
  const sort = `${box ? 'box' : spans.is_model[i] ? 'llm' : ''} ${failed ? 'bad' : ''} ${path.on[i] ? 'cp' : ''} ${isOpen ? 'open' : ''}`
  const note = spans.notes[i]
  const words = (note || i === slow) && <>{note}{note && i === slow && ' '}{i === slow && <span class="warn w5">slowest</span>}</>
  // Words stand behind the bar, before it where there is no room, else in it.
  const need = 3 + 1.25 * (note!.length + (i === slow ? 8 : 0))
  const ends = begins + width
  const side = 100 - ends >= need ? 'behind' : begins >= need ? 'before' : width >= need ? 'in' : 'behind'
  // In a bar with a paler head they stand in its larger part, in the ink that is read there; a thin bar goes on at both sides of them.
  const inHead = side === 'in' && head > 50
  const right = side === 'before' ? begins : inHead ? begins + (width * head) / 100 : ends
  return (
    <>
      <i class={sort} style={{ left: `min(${begins}%, calc(100% - 2px))`, width: `${width}%` }}>{head > 0 && <b style={{ width: `${head}%` }} />}</i>
      {words && <em class={side === 'in' && !box ? `in ${path.on[i] && !inHead ? 'on' : ''}` : `${failed ? 'bad' : ''} ${side === 'in' ? 'over' : ''}`} style={side === 'behind' ? { left: `${Math.min(ends, 100)}%` } : { right: `${100 - right}%` }}>{words}</em>}
    </>
  )
}
