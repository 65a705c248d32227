/** Differences of two texts, line by line, with what is the same far from any of them left out. */
import { diffLines } from 'diff'

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

/** Lines of both; undefined if they are too different to be told in time. */
export function differences(before: string, after: string): Line[] | undefined {
  const parts = diffLines(before.replace(/\r\n/g, '\n'), after.replace(/\r\n/g, '\n'), { timeout: TIMEOUT })
  if (!parts) return undefined
  const lines: Line[] = []
  parts.forEach((part, i) => {
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
