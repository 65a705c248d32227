/** Times and durations in few letters. All are ms. */

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const two = (n: number): string => String(n).padStart(2, '0')

/** How long: 820ms, 12s, 41m, 1h 02m, 3d 04h. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–'
  if (ms < 0) return `-${duration(-ms)}`
  if (ms < SECOND) return `${Math.round(ms)}ms`
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)}s`
  if (ms < MINUTE) return `${Math.round(ms / SECOND)}s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`
  if (ms < DAY) return `${Math.floor(ms / HOUR)}h ${two(Math.floor((ms % HOUR) / MINUTE))}m`
  return `${Math.floor(ms / DAY)}d ${two(Math.floor((ms % DAY) / HOUR))}h`
}

/** How long ago: now, 40s, 2m, 3h, 10d, 2y. */
export function age(then: number | null | undefined, now = Date.now()): string {
  if (!then) return '–'
  const ms = Math.max(0, now - then)
  if (ms < 5 * SECOND) return 'now'
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`
  if (ms < DAY) return `${Math.floor(ms / HOUR)}h`
  if (ms < 1000 * DAY) return `${Math.floor(ms / DAY)}d`
  return `${Math.floor(ms / (365 * DAY))}y`
}

/** How much longer: 6 min left. */
export function left(ms: number): string {
  if (ms < MINUTE) return `${Math.max(1, Math.round(ms / SECOND))} s left`
  if (ms < HOUR) return `${Math.round(ms / MINUTE)} min left`
  if (ms < DAY) return `${Math.round(ms / HOUR)} h left`
  return `${Math.round(ms / DAY)} d left`
}

/** The time of day: 14:02:11. */
export function clock(at: number): string {
  const time = new Date(at)
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}

/** Day and time: 2026-05-12 14:02. */
export function stamp(at: number | null | undefined): string {
  if (!at) return '–'
  const time = new Date(at)
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-')
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`
}

/** What a <time> element has for machines. */
export const iso = (at: number): string => new Date(at).toISOString()
