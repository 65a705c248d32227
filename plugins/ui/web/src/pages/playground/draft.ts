/** What is written and not saved: kept in this tab, by prompt and the version it began with. */
import type { Parts, Template } from '../../parts/prompt/template'

export interface Draft {
  template: Template
  /** The schema of the answer, as it is typed. */
  format: string
  /** Values of variables. */
  inputs: Record<string, string>
  /** What answers are judged by, a rule a line. */
  guidelines?: string
}

const KEY = 'pegboard.playground'
const keyOf = (name: string): string => `${KEY}:${name}`

interface Kept extends Draft {
  from: string
}

export function recall(name: string, from: string): Draft | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keyOf(name)) ?? 'null') as Kept | null
    return kept?.from === from ? kept : undefined
  } catch {
    return undefined
  }
}

export function remember(name: string, from: string, draft: Draft): void {
  try {
    sessionStorage.setItem(keyOf(name), JSON.stringify({ ...draft, from }))
  } catch {
    // A browser that keeps nothing, or no more, forgets it with the page.
  }
}

export const beginning = (parts: Parts | undefined): Draft => ({ template: parts?.template ?? [{ role: '', content: '' }], format: parts?.format ?? '', inputs: {} })

/** Whether what would be saved is another text than that of a version. */
export const differs = (draft: Draft, parts: Parts): boolean => JSON.stringify(draft.template) !== JSON.stringify(parts.template) || draft.format.trim() !== parts.format.trim()

const TYPES = ['string', 'integer', 'number', 'boolean', 'array', 'object', 'null']

/** The schema as JSON; what is wrong with it. */
export function formatOf(text: string): { schema?: Record<string, unknown>; wrong: string } {
  if (!text.trim()) return { wrong: '' }
  try {
    const schema = JSON.parse(text) as unknown
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) {
      const strange = [(schema as { type?: unknown }).type ?? []].flat().find((type) => !TYPES.includes(String(type)))
      return strange === undefined ? { schema: schema as Record<string, unknown>, wrong: '' } : { wrong: `The response schema has the unknown type "${String(strange)}". Types of JSON Schema are: ${TYPES.join(', ')}.` }
    }
    return { wrong: 'A response schema is a JSON object, such as {"type": "object"}.' }
  } catch (error) {
    return { wrong: `The response schema is not JSON: ${(error as Error).message}` }
  }
}
