/** Which version held which alias over time, a lane for each alias. */
import { useRef } from 'preact/hooks'
import { dashOf, hueClass, lit, slotOf } from '../../core/pegs'
import { stamp } from '../../core/times'
import { useSize } from '../chart/seen'
import { now } from '../time'
import type { Run } from './answers'
import { day, type Lane, type Segment, ticks } from './figures'

const TOP = 28
const LANE = 36
const BAR = 16
const LETTER = 7.3
/** More lanes than these scroll. */
const MANY = 8

export interface LanesProps {
  lanes: readonly Lane[]
  /** The run that a version comes from. */
  runOf: (version: string) => Run | undefined
  /** The colour of a version that comes from no run. */
  slotFor?: (version: string) => number
  /** The version that is looked at. */
  on: string
  choose: (version: string) => void
}

export function Lanes({ lanes, runOf, slotFor, on, choose }: LanesProps) {
  const box = useRef<HTMLDivElement>(null)
  const { width } = useSize(box)
  const inner = Math.max(0, width - 32)
  const label = Math.min(Math.max(...lanes.map((lane) => lane.alias.length)) * LETTER + 20, inner * 0.3)
  const from = Math.min(...lanes.flatMap((lane) => lane.segments.map((segment) => segment.from)))
  const to = Math.max(now.value, from + 1)
  const x = (at: number) => label + ((at - from) / (to - from)) * Math.max(1, inner - label - 2)
  const height = TOP + lanes.length * LANE
  let labelled = -Infinity
  return (
    <div ref={box} class="mod-lanes" tabIndex={lanes.length > MANY ? 0 : undefined} role={lanes.length > MANY ? 'region' : undefined} aria-label={lanes.length > MANY ? 'Lanes of aliases' : undefined}>
      {inner > 0 && (
        <svg width={inner} height={height} role="img" aria-label={`Alias history: ${lanes.map((lane) => `${lane.alias} ${lane.segments.map((segment) => `v${segment.version}`).join(', ')}`).join('; ')}`}>
          {[{ at: from, label: day(from, to) }, ...ticks(from, to)].map((tick, n) => {
            const at = Math.round(x(tick.at)) + 0.5
            const room = at - labelled > 64 && at < inner - 40
            if (room) labelled = at
            return <g key={n}>{room && <text x={at} y={10}>{tick.label}</text>}<line class="grid" x1={at} x2={at} y1={16} y2={height - 4} /></g>
          })}
          {lanes.map((lane, i) => (
            <g key={lane.alias}>
              <text class="t" x={0} y={TOP + i * LANE + 12}><title>{lane.alias}</title>{cut(lane.alias, label - 12)}</text>
              {lane.segments.map((segment, n) => <Bar key={n} segment={segment} run={runOf(segment.version)} own={slotFor?.(segment.version) ?? -1} y={TOP + i * LANE} x={x(segment.from)} end={x(segment.to ?? to)} on={on === segment.version} choose={choose} />)}
            </g>
          ))}
          <line class="now" x1={Math.round(x(to)) + 0.5} x2={Math.round(x(to)) + 0.5} y1={4} y2={height - 4} />
        </svg>
      )}
    </div>
  )
}

function Bar({ segment, run, own, x, end, y, on, choose }: { segment: Segment; run: Run | undefined; own: number; x: number; end: number; y: number; on: boolean; choose: (version: string) => void }) {
  const slot = run ? slotOf(run.run_id) : own
  const wide = Math.max(2, end - x - 2)
  const { move } = segment
  const text = `v${segment.version}`
  const room = wide - 12
  const shown = room > text.length * LETTER
  const name = run && room > (text.length + run.name.length + 2) * LETTER ? run.name : ''
  const why = move ? `${stamp(segment.from)}${move.user ? ` by ${move.user}` : ''}${move.reason ? `: ${move.reason}` : ''}` : 'before the history that is shown'
  const isLit = on || (run !== undefined && lit.value === run.run_id)
  return (
    <g class={`bar ${hueClass(slot)}`} onClick={() => choose(segment.version)} onPointerEnter={() => run && (lit.value = run.run_id)} onPointerLeave={() => run && (lit.value = '')}>
      <title>{`${segment.alias} ${text}${run ? ` ${run.name}` : ''}, ${why}`}</title>
      <rect x={x} y={y} width={wide} height={BAR} rx="2" fill="var(--c)" opacity={segment.to === null ? 0.26 : isLit ? 0.22 : 0.13} />
      <path d={`M${x + 1} ${y}v${BAR}`} stroke="var(--c)" stroke-width="2" stroke-dasharray={['', '4 2', '2 2'][dashOf(slot)] || undefined} />
      {shown && <text class="t" x={x + 8} y={y + 12}>{text}{name && <tspan class="n" dx="8">{name}</tspan>}</text>}
      {segment.back && <text class="back" x={x + 2} y={y - 4}>rolled back</text>}
    </g>
  )
}

const cut = (text: string, width: number): string => {
  const most = Math.max(3, Math.floor(width / LETTER))
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
