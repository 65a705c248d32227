/** How the grammar of searches writes columns and values of traces. */

const KINDS: Record<string, string> = { attributes: 'trace' }

/** 'attributes.name' is 'trace.name' here. */
export function named(column: string): string {
  const dot = column.indexOf('.')
  const kind = column.slice(0, dot)
  return (KINDS[kind] ?? kind) + column.slice(dot)
}

/** A column as the grammar writes it. */
export function quoted(column: string): string {
  const dot = column.indexOf('.')
  const key = column.slice(dot + 1)
  const plain = /^[A-Za-z_]\w*(\.\w+)*$/.test(key)
  return plain ? column : `${column.slice(0, dot)}.\`${key.replaceAll('`', '``')}\``
}

/** A text as a filter writes it. */
export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`
