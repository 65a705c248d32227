/** Differences of two texts, line by line, with what is the same far from any of them left out. */
import { type Change, diffLines } from 'diff'

export interface Line {
  sign: ' ' | '-' | '+' | '…'
  text: string
}

const CONTEXT = 3
/** How long the comparison may take (ms); texts that have nothing in common take longest. */
const TIMEOUT = 1500

const linesOf = (text: string): string[] => {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

const isPair = (before: Change | undefined, after: Change | undefined): boolean =>
  before?.removed === true && after?.added === true && linesOf(before.value).length === linesOf(after.value).length

const paired = (before: string[], after: string[]): Line[] => before.flatMap((text, i) => [{ sign: '-' as const, text }, { sign: '+' as const, text: after[i]! }])

/** Lines of both; undefined if they are too different to be told in time. */
export function differences(before: string, after: string): Line[] | undefined {
  const parts = diffLines(before.replace(/\r\n/g, '\n'), after.replace(/\r\n/g, '\n'), { timeout: TIMEOUT })
  if (!parts) return undefined
  const lines: Line[] = []
  parts.forEach((part, i) => {
    // Lines that were changed one by one stand below each other; the second part is in them already.
    if (isPair(parts[i - 1], part)) return
    if (isPair(part, parts[i + 1])) return void lines.push(...paired(linesOf(part.value), linesOf(parts[i + 1]!.value)))
    const sign = part.added ? '+' : part.removed ? '-' : ' '
    const texts = linesOf(part.value)
    if (sign !== ' ') return void lines.push(...texts.map((text) => ({ sign, text }) as Line))
    const first = i === 0 ? 0 : CONTEXT
    const last = i === parts.length - 1 ? 0 : CONTEXT
    if (texts.length <= first + last + 1) return void lines.push(...texts.map((text) => ({ sign: ' ', text }) as Line))
    lines.push(...texts.slice(0, first).map((text) => ({ sign: ' ', text }) as Line))
    lines.push({ sign: '…', text: `${texts.length - first - last} lines are the same` })
    if (last) lines.push(...texts.slice(-last).map((text) => ({ sign: ' ', text }) as Line))
  })
  return lines
}

export const isSame = (lines: readonly Line[]): boolean => lines.every((line) => line.sign === ' ' || line.sign === '…')
