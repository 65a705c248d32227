/** Axes: from values to places and back, where ticks stand, and what is written beside them. */
import { brief, count } from '../../core/format'
import { clock, duration } from '../../core/times'

export interface Scale {
  lo: number
  hi: number
  log?: boolean
}

/** How far along an axis a value lies: 0 at its beginning, 1 at its end. */
export function fraction({ lo, hi, log }: Scale, value: number): number {
  if (!log) return (value - lo) / (hi - lo || 1)
  return (Math.log10(value) - Math.log10(lo)) / (Math.log10(hi) - Math.log10(lo) || 1)
}

/** The value at a fraction of an axis. */
export function valueAt({ lo, hi, log }: Scale, part: number): number {
  if (!log) return lo + part * (hi - lo)
  return 10 ** (Math.log10(lo) + part * (Math.log10(hi) - Math.log10(lo)))
}

/** A step of 1, 2 or 5 times a power of ten that cuts a range into about n parts. */
export function niceStep(lo: number, hi: number, n: number): number {
  const rough = (hi - lo) / Math.max(1, n)
  if (!(rough > 0) || !Number.isFinite(rough)) return 1
  const power = 10 ** Math.floor(Math.log10(rough))
  return (([1, 2, 5, 10].find((part) => part * power >= rough * 0.98) ?? 10) * power)
}

function linear(lo: number, hi: number, step: number): number[] {
  const found = []
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-6 && found.length < 50; i++) found.push(+(i * step).toPrecision(12))
  return found
}

/** Where ticks of an axis stand. */
export function ticks({ lo, hi, log }: Scale, n: number): number[] {
  if (log && hi / lo >= 10) {
    const from = Math.ceil(Math.log10(lo) - 1e-9)
    const to = Math.floor(Math.log10(hi) + 1e-9)
    const each = Math.max(1, Math.ceil((to - from + 1) / Math.max(1, n)))
    const found = []
    for (let power = from; power <= to; power += each) found.push(Number(`1e${power}`))
    return found
  }
  return linear(lo, hi, niceStep(lo, hi, n))
}

const SECOND = 1000
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 7776000, 31536000].map((n) => n * SECOND)

/** Ticks of an x axis of ms: at whole seconds, minutes, hours, days. */
export function timeTicks(lo: number, hi: number, n: number, isDate: boolean): number[] {
  const step = TIMES.find((each) => (hi - lo) / each <= n)
  if (hi - lo < n * SECOND || !step) return linear(lo, hi, niceStep(lo, hi, n))
  // Days begin at midnight here, not in Greenwich.
  const shift = isDate ? new Date(lo).getTimezoneOffset() * 60 * SECOND : 0
  return linear(lo - shift, hi - shift, step).map((each) => each + shift)
}

/** What stands at a tick of the y axis: .90, 2.5, 5e-4, 20k. */
export function yLabels(at: readonly number[], log = false): string[] {
  if (log && at.length > 1 && at[1]! / at[0]! >= 10) return at.map((value) => (value >= 0.01 && value < 1e5 ? String(value).replace(/^0\./, '.') : trimmed(value.toExponential(0))))
  const most = Math.max(0, ...at.map(Math.abs))
  const apart = at.length > 1 ? Math.min(...at.slice(1).map((value, i) => value - at[i]!)) : most
  if (most > 0 && (most < 0.01 || most >= 1e5)) {
    if (most >= 1e5 && most < 1e12 && apart >= most / 1000) return at.map(brief)
    return at.map((value) => (value === 0 ? '0' : trimmed(value.toExponential(Math.max(0, Math.min(8, Math.floor(Math.log10(most)) - Math.floor(Math.log10(apart || most))))))))
  }
  const decimals = Math.min(10, Math.max(0, -Math.floor(Math.log10(apart || 1) + 1e-9)))
  return at.map((value) => {
    if (value === 0) return '0'
    const text = value.toFixed(decimals)
    if (Number(text) === 0) return trimmed(value.toExponential(0))
    return most < 1 ? text.replace(/^(-?)0\./, '$1.') : Math.abs(value) >= 1000 ? count(value) : String(Number(text))
  })
}

const trimmed = (text: string): string => text.replace(/(\.\d*?)0+e/, '$1e').replace('.e', 'e').replace('e+', 'e')

const DAY = 86400 * SECOND
const two = (n: number): string => String(n).padStart(2, '0')

/** What stands at a tick of the x axis. */
export function xLabel(value: number, axis: string, apart: number): string {
  if (axis === 'relative') return value === 0 ? '0' : duration(value)
  if (axis === 'time') {
    const time = new Date(value)
    if (apart >= DAY) return `${two(time.getMonth() + 1)}-${two(time.getDate())}`
    return apart < 60 * SECOND ? clock(value) : clock(value).slice(0, 5)
  }
  return brief(value)
}

/** A place of the x axis in words: 'step 6,400', '14:02:11', '41m', 'loss .3'. */
export function xWords(value: number, axis: string): string {
  if (axis === 'step') return `step ${count(Math.round(value))}`
  if (axis === 'relative') return `${duration(value)} after the start`
  if (axis === 'time') return new Date(value).toLocaleString('sv-SE')
  return `${axis.replace(/^metrics\./, '')} ${brief(value)}`
}
