/** What calls of models cost and take, as it is said to people. */
import { grouped } from '../../core/format'

/** Money: $412.80, $0.0081, $3.2e-6, and ? for what nobody knows. */
export function usd(value: number | null): string {
  if (value === null) return '?'
  if (value === 0) return '$0.00'
  if (value < 0.00005) return `$${value.toExponential(1)}`
  const decimals = value < 1 ? 4 : 2
  return `$${grouped(value, decimals)}`
}

/** Seconds without their unit: 0.71, 12.4, 0.004. */
export function secs(value: number | null): string {
  if (value === null) return '–'
  return value.toFixed(value < 0.1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0)
}
