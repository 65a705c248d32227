/** Charts that somebody added, as the address has them; and what finds metrics by name. */

export type PlotKind = 'scatter' | 'contour' | 'parallel' | 'box' | 'bar' | 'images' | 'table'

/** A chart that somebody added. */
export interface Added {
  kind: PlotKind
  /** Columns; of images their key, of tables their path. */
  columns: string[]
}

const KINDS: readonly string[] = ['scatter', 'contour', 'parallel', 'box', 'bar', 'images', 'table']

export const addedAs = ({ kind, columns }: Added): string => [kind, ...columns.map((column) => column.replace(/[%:]/g, encodeURIComponent))].join(':')

export function addedOf(text: string): Added | undefined {
  const [kind = '', ...columns] = text.split(':')
  try {
    return KINDS.includes(kind) && columns.length ? { kind: kind as PlotKind, columns: columns.map(decodeURIComponent) } : undefined
  } catch {
    return undefined
  }
}

/** A pattern to find names with; undefined if it is not whole. `/…/` may stand around it. */
export function patternOf(text: string): RegExp | undefined {
  try {
    return new RegExp(/^\/.*\/$/.test(text) ? text.slice(1, -1) : text, 'i')
  } catch {
    return undefined
  }
}
