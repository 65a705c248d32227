/** Values out of files that anybody may have written: what is of another kind counts as nothing. */

export type Fields = Record<string, unknown>

export const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
export const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null)

/** The object in a JSON text; undefined if it is none. */
export function parsed(json: string): Fields | undefined {
  try {
    return fields(JSON.parse(json))
  } catch {
    return undefined
  }
}
