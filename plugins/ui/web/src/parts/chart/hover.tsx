/** The values at the cursor, beside the pointer: the best first, names in full. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { columnOf } from '../../core/format'
import { Peg } from '../peg'
import { byBest, type ChartRun } from './lines'
import type { Line } from './paint'
import { xWords } from './scale'
import { valueNear } from './series'

const MOST = 12
const AWAY = 14

export interface Values {
  shown: { line: Line; value: number }[]
  more: number
  ended: number
}

/** The values of lines at an x: the best ones, and the lit one wherever it stands. */
export function valuesAt(lines: readonly Line[], key: string, x: number, slack: number, lit: string): Values {
  const better = byBest(key)
  const all: Values['shown'] = []
  for (const line of lines) {
    const value = valueNear(line.main, x, slack)
    if (value !== undefined) all.push({ line, value })
  }
  all.sort((a, b) => better(a.value, b.value))
  const shown = all.slice(0, MOST)
  const there = all.find((each) => each.line.run === lit)
  if (there && !shown.includes(there)) shown[MOST - 1] = there
  return { shown, more: all.length - shown.length, ended: lines.length - all.length }
}

export function HoverList({ values, title, x, axis, runs, lit, at }: { values: Values; title: string; x: number; axis: string; runs: readonly ChartRun[]; lit: string; at: { x: number; y: number } }) {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const element = box.current!
    const { width, height } = element.getBoundingClientRect()
    const left = at.x + AWAY + width < innerWidth - 4 ? at.x + AWAY : at.x - AWAY - width
    const top = at.y + AWAY + height < innerHeight - 4 ? at.y + AWAY : at.y - AWAY - height
    element.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`
  })
  const format = columnOf(values.shown.map((each) => each.value))
  const rest = [values.more && `${values.more} more`, values.ended && `${values.ended} not there`].filter(Boolean).join(', ')
  return (
    <div ref={box} class="hoverlist" role="status">
      <span class="t">{title} at {xWords(x, axis)}</span>
      {values.shown.map(({ line, value }) => (
        <Row key={`${line.run} ${line.name}`} line={line} value={format(value)} status={runs.find((run) => run.id === line.run)?.status} lit={line.run === lit} />
      ))}
      {rest && <span class="t">{rest}</span>}
    </div>
  )
}

function Row({ line, value, status, lit }: { line: Line; value: string; status?: string; lit: boolean }) {
  return (
    <>
      {status === undefined ? <i class="sw" style={{ background: line.colour }} /> : <Peg run={line.run} status={status} />}
      <span class={lit ? 'n lit' : 'n'}>{line.name}</span>
      <span class={lit ? 'r lit' : 'r'}>{value}</span>
    </>
  )
}
