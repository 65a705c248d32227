/** A run's peg: its colour says which, its shape says how it is. */
import { dashOf, hueClass, lit, type Shape, shapeOf, slotOf } from '../core/pegs'

export interface PegProps {
  /** The run, for its colour; without one the peg is grey, or has the slot given. */
  run?: string
  slot?: number
  status: string
  size?: number
}

const RING = ['', '3.27 2.17', '1.6 1.67']

export function Peg({ run = '', slot, status, size = 11 }: PegProps) {
  const found = slot ?? (run ? slotOf(run) : -1)
  const shape = shapeOf(status)
  return (
    <svg class={`peg ${hueClass(found)}`} width={size} height={size} viewBox="0 0 12 12" fill="var(--c)" role="img" aria-label={shape} onPointerEnter={run ? () => (lit.value = run) : undefined} onPointerLeave={run ? () => (lit.value = '') : undefined}>
      {body(shape, dashOf(found))}
      {shape !== 'running' && dashOf(found) > 0 && <path d={`M0 6h12${dashOf(found) === 2 ? 'M6 0v12' : ''}`} stroke="var(--surface)" stroke-width="1.6" />}
    </svg>
  )
}

function body(shape: Shape, dash: 0 | 1 | 2) {
  switch (shape) {
    case 'running':
      return (
        <>
          <circle cx="6" cy="6" r="2.7" />
          <circle class="breathe" cx="6" cy="6" r="5.2" fill="none" stroke="var(--c)" stroke-width="1.5" stroke-dasharray={RING[dash] || undefined} />
        </>
      )
    case 'failed':
      return <rect x="1.2" y="1.2" width="9.6" height="9.6" rx="1" />
    case 'killed':
      return <path d="M6-.2 12.2 6 6 12.2-.2 6z" />
    case 'hidden':
      return <circle cx="6" cy="6" r="4.6" fill="none" stroke="var(--ink-3)" stroke-width="1.3" />
    default:
      return <circle cx="6" cy="6" r="5.2" />
  }
}
