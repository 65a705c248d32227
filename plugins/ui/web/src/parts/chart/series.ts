/** Histories as the server reduces them: what it sends, and the lines that are made of it. */
import type { Num } from '../../core/api'

export interface Specials {
  count: number
  x: number[]
}

export interface SeriesJson {
  run_id: string
  key: string
  points: number
  drawn: number
  total: number
  exact: boolean
  x: string
  y: string
  smooth?: { x: string; y: string }
  min: number | null
  max: number | null
  span: [number, number] | null
  nan: Specials
  inf: Specials
  neginf: Specials
  last?: { step: number; time: number; value: Num }
}

export interface BandJson {
  value: string | null
  key: string
  runs: number
  points: number
  /** How many of the points are NaN or infinite. */
  not_finite: number
  x: string
  mean: string
  min: string
  max: string
}

export interface SeriesAnswer {
  series: SeriesJson[]
  groups?: BandJson[]
  missing: string[]
  points: number
  drawn: number
}

export type Numbers = Float64Array

function bytesOf(text: string): ArrayBuffer {
  const plain = atob(text)
  const bytes = new Uint8Array(plain.length)
  for (let i = 0; i < plain.length; i++) bytes[i] = plain.charCodeAt(i)
  return bytes.buffer
}

/** Numbers of an array as the server writes them: 'f8:…', 'f4:…', 'u2:FIRST:…', 'i4:FIRST:…'. */
export function decode(text: string): Numbers {
  const [kind = '', ...rest] = text.split(':')
  if (kind === 'f8') return new Float64Array(bytesOf(rest[0] ?? ''))
  if (kind === 'f4') return Float64Array.from(new Float32Array(bytesOf(rest[0] ?? '')))
  const first = Number(rest[0])
  const steps = bytesOf(rest[1] ?? '')
  const apart = kind === 'u2' ? new Uint16Array(steps) : new Int32Array(steps)
  const found = new Float64Array(apart.length + 1)
  found[0] = first
  for (let i = 0; i < apart.length; i++) found[i + 1] = found[i]! + apart[i]!
  return found
}

export interface Curve {
  x: Numbers
  y: Numbers
}

export interface Decoded {
  /** What is drawn as the line: smoothed, if that was asked for. */
  main: Curve
  /** The values as they are, behind a smoothed line. */
  raw?: Curve
}

const made = new WeakMap<SeriesJson, Decoded>()

/** The numbers of a series; made once for each answer. */
export function decoded(series: SeriesJson): Decoded {
  let found = made.get(series)
  if (!found) {
    const plain = { x: decode(series.x), y: decode(series.y) }
    found = series.smooth ? { main: { x: decode(series.smooth.x), y: decode(series.smooth.y) }, raw: plain } : { main: plain }
    made.set(series, found)
  }
  return found
}

/** How many of the first x are below a value, or not above it if `through`. */
export function below(x: Numbers, value: number, through = false): number {
  let lo = 0
  let hi = x.length
  while (lo < hi) {
    const middle = (lo + hi) >> 1
    if (x[middle]! < value || (through && x[middle] === value)) lo = middle + 1
    else hi = middle
  }
  return lo
}

/** The y of the point next to an x; undefined where the curve has not begun, or has ended. */
export function valueNear({ x, y }: Curve, at: number, slack = 0): number | undefined {
  const n = x.length
  if (!n || at < x[0]! - slack || at > x[n - 1]! + slack) return undefined
  const after = below(x, at)
  if (after === 0) return y[0]
  if (after === n) return y[n - 1]
  return at - x[after - 1]! < x[after]! - at ? y[after - 1] : y[after]
}

export interface Range {
  lo: number
  hi: number
}

/** The least and greatest y of curves whose x is not below a bound; undefined if there is none. */
export function rangeOf(curves: readonly Curve[], from = -Infinity, positive = false): Range | undefined {
  let lo = Infinity
  let hi = -Infinity
  for (const { x, y } of curves) {
    for (let i = below(x, from); i < y.length; i++) {
      const value = y[i]!
      if (positive && value <= 0) continue
      if (value < lo) lo = value
      if (value > hi) hi = value
    }
  }
  return lo <= hi ? { lo, hi } : undefined
}

/** What part of the x axis the climb takes that y does not have to fit. */
export const CLIMB = 0.25
/** How many times as high as what follows it all has to be, for the climb to be left out. */
const WORTH = 1.6

export interface Fit extends Range {
  /** From which x on all values are within; undefined: all are. */
  from?: number
}

/**
 * The y axis of curves between two x: the values after the climb, where that shows more of them.
 * Without curves it is 0 to 1. `own`: each curve has a climb of its own, since over time one takes
 * an hour and another a day.
 */
export function fitY(curves: readonly Curve[], x: Range, { all = false, log = false, own = false } = {}): Fit {
  const whole = rangeOf(curves, -Infinity, log)
  if (!whole) return log ? { lo: 0.1, hi: 1 } : { lo: 0, hi: 1 }
  const from = x.lo + (x.hi - x.lo) * CLIMB
  const part = all ? undefined : own ? joined(curves.map((curve) => rangeOf([curve], startOf(curve), log))) : rangeOf(curves, from, log)
  const size = ({ lo, hi }: Range) => (log ? Math.log(hi / lo) : hi - lo)
  const clips = part !== undefined && size(part) > 0 && size(whole) > size(part) * WORTH
  const range = clips ? part : whole
  return { ...padded(range, log), ...(clips && { from }) }
}

const startOf = ({ x }: Curve): number => (x[0] ?? 0) + ((x.at(-1) ?? 0) - (x[0] ?? 0)) * CLIMB

function joined(ranges: readonly (Range | undefined)[]): Range | undefined {
  const found = ranges.filter((range) => range !== undefined)
  return found.length ? { lo: Math.min(...found.map(({ lo }) => lo)), hi: Math.max(...found.map(({ hi }) => hi)) } : undefined
}

function padded({ lo, hi }: Range, log: boolean): Range {
  if (log) {
    const room = lo === hi ? 2 : (hi / lo) ** 0.04
    return { lo: lo / room, hi: hi * room }
  }
  if (lo === hi) {
    const room = Math.abs(lo) * 0.1 || 1
    return { lo: lo - room, hi: hi + room }
  }
  const room = (hi - lo) * 0.04
  return { lo: lo >= 0 && lo < room ? 0 : lo - room, hi: hi + room }
}
