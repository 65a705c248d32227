/** Numbers as people read them: 4 significant digits; a column shares its decimals or its exponent. */

const DIGITS = 4
const SMALLEST = 1e-3
const LARGEST = 1e6
const LARGEST_WHOLE = 1e9

export type Format = (value: number | null | undefined) => string

const odd = (value: number): string => (Number.isNaN(value) ? 'NaN' : value > 0 ? 'inf' : '-inf')
const exponentOf = (value: number): number => (value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)) + 1e-12))
/** With commas, by hand: the first formatter of a browser costs a tenth of all script of a page's first load. */
export function grouped(value: number, decimals = 0): string {
  const text = value.toFixed(decimals)
  return Math.abs(value) < 999 ? text : text.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ',')
}
/** '3e-5' rather than '3.000e-5', where there are no more digits. */
const scientific = (value: number, digits: number): string =>
  value.toExponential(digits).replace('e+', 'e')

/** What a value is exactly, for titles and copies. */
export const exact = (value: number | null | undefined): string =>
  value === null || value === undefined ? '' : Number.isFinite(value) ? String(value) : odd(value)

/** One number by itself: 0.9412, 14.82, 1,204, 3.21e-5. */
export function one(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : columnOf([value], { zero: true })(value)
}

/** A number with its sign: +.0250, −3.1. */
export function signed(value: number, format: Format = one): string {
  if (!Number.isFinite(value)) return odd(value)
  return value < 0 ? `-${format(-value)}` : value > 0 ? `+${format(value)}` : format(0)
}

/**
 * How to show the numbers of a column, so that their points stand below each other.
 * `zero`: keep the zero before the point of numbers that are all below 1.
 */
export function columnOf(values: Iterable<number | null | undefined>, { zero = false } = {}): Format {
  let greatest = 0
  let whole = true
  let least = Infinity
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue
    const size = Math.abs(value)
    greatest = Math.max(greatest, size)
    if (size) least = Math.min(least, size)
    whole &&= Number.isInteger(value)
  }
  const wrap = (show: (value: number) => string): Format => (value) =>
    value === null || value === undefined ? '–' : Number.isFinite(value) ? show(value) : odd(value)
  if (whole && greatest < LARGEST_WHOLE) return wrap((value) => grouped(value))
  if (greatest && (greatest < SMALLEST || greatest >= LARGEST)) {
    const exponent = exponentOf(greatest)
    return wrap((value) => (value === 0 ? '0' : `${(value / 10 ** exponent).toFixed(DIGITS - 1)}e${exponent}`))
  }
  const decimals = Math.max(0, DIGITS - 1 - exponentOf(greatest))
  const bare = greatest < 1 && !zero
  return wrap((value) => {
    // What would be zeros only has an exponent of its own.
    if (value !== 0 && Math.abs(value) < 10 ** -decimals / 2) return scientific(value, 1)
    const text = grouped(value, decimals)
    return bare ? text.replace(/^(-?)0\./, '$1.') : text
  })
}

/** A count: 1,204. */
export const count = (value: number): string => grouped(value)
/** A count in few letters, for axes: 10k, 2.5M. */
export function brief(value: number): string {
  const size = Math.abs(value)
  for (const [limit, sign] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const)
    if (size >= limit) return `${+(value / limit).toPrecision(3)}${sign}`
  return String(+value.toPrecision(4))
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']
/** A size: 1.2 GB. */
export function bytes(value: number): string {
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`
}

/** A plural that is right: 1 run, 3 runs. */
export const plural = (n: number, word: string): string => `${count(n)} ${word}${n === 1 ? '' : 's'}`

/** Whether a text is a number, so that its column goes to the right. */
export const isNumeric = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text))
