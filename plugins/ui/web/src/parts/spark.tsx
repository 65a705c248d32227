/** Small curves and bars, of numbers that the server reduced already. */
import { type Num, num } from '../core/api'

export interface SparkProps {
  values: readonly Num[]
  width: number
  height: number
  /** A colour class of the run ('c3'); ink-2 without. */
  hue?: string
  /** How much of the width the curve takes, for a run that is not at its end. */
  part?: number
  lo?: number
  hi?: number
  area?: boolean
  dot?: boolean
}

export function Spark({ values, width, height, hue = '', part = 1, lo, hi, area, dot = true }: SparkProps) {
  const found = values.map(num).map((value) => (value !== null && Number.isFinite(value) ? value : null))
  // The climb from below the range would lie on its bottom.
  if (lo !== undefined) for (let i = 0; i < found.length - 1 && (found[i] ?? lo - 1) < lo; i++) found[i] = null
  const real = found.filter((value): value is number => value !== null)
  if (!real.length) return null
  const low = lo ?? Math.min(...real)
  const high = hi ?? Math.max(...real)
  const x = (i: number) => 2 + (found.length < 2 ? 0 : (i / (found.length - 1)) * (width - 5) * part)
  const y = (value: number) => 2.5 + (height - 5) * (1 - Math.min(1, Math.max(0, (value - low) / (high - low || 1))))
  let line = ''
  let last = { x: 0, y: 0, first: -1 }
  found.forEach((value, i) => {
    if (value === null) return
    const at = { x: x(i), y: high === low ? height / 2 : y(value) }
    line += `${line && found[i - 1] !== null ? 'L' : 'M'}${at.x.toFixed(1)} ${at.y.toFixed(1)}`
    last = { ...at, first: last.first < 0 ? at.x : last.first }
  })
  return (
    <svg class={hue} width={width} height={height} aria-hidden="true">
      {area && <path class="sp-area" d={`${line.replace(/(?!^)M/g, 'L')}L${last.x.toFixed(1)} ${height}L${last.first.toFixed(1)} ${height}z`} />}
      <path class="sp" d={line} />
      {dot && <circle class="sp-dot" cx={last.x} cy={last.y} r="2" />}
    </svg>
  )
}

/** The curve with its area beside a headline number. */
export const MiniChart = ({ values, hue, width = 112, height = 40 }: { values: readonly Num[]; hue?: string; width?: number; height?: number }) => (
  <Spark values={values} width={width} height={height} hue={hue} area />
)

export interface BarsProps {
  counts: readonly number[]
  width: number
  height: number
  /** Which bars are marked. */
  on?: (index: number) => boolean
}

export function Bars({ counts, width, height, on }: BarsProps) {
  const most = Math.max(1, ...counts)
  const each = width / counts.length
  return (
    <svg width={width} height={height} aria-hidden="true">
      {counts.map((n, i) => {
        const tall = n ? Math.max(1, (n / most) * height) : 0
        return n ? <rect key={i} class={on?.(i) ? 'hb on' : 'hb'} x={i * each} y={height - tall} width={Math.max(1, each - 1)} height={tall} /> : null
      })}
    </svg>
  )
}

/** Shares of a whole beside each other, for texts. */
export function Shares({ counts, width, height = 16 }: { counts: readonly number[]; width: number; height?: number }) {
  const whole = counts.reduce((sum, n) => sum + n, 0) || 1
  let x = 0
  return (
    <svg width={width} height={height} aria-hidden="true">
      {counts.map((n, i) => {
        const wide = (n / whole) * width
        const at = x
        x += wide
        return wide >= 1.5 ? <rect key={i} class="hb" x={at} y={height - 5} width={Math.max(1, wide - 2)} height="5" opacity={Math.max(0.3, 1 - i * 0.28)} /> : null
      })}
    </svg>
  )
}
