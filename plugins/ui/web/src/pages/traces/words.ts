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

/** An id as far as people compare it. */
export const short = (id: string): string => (/^tr-[0-9a-f]{32}$/.test(id) ? id.slice(0, 9) : id)

/** What was asked, out of the JSON that it stands in: what a user said last. */
export function asked(preview: string): string {
  const said = [...preview.matchAll(/"role":\s*"user",\s*"content":\s*"((?:[^"\\]|\\.)*)"/g)].at(-1)
  const found = said ?? /"content":\s*"((?:[^"\\]|\\.)*)"\s*\}?\]?/.exec(preview) ?? /^\{"\w+":\s*"((?:[^"\\]|\\.)*)"/.exec(preview)
  if (!found) return preview
  try {
    return JSON.parse(`"${found[1]}"`) as string
  } catch {
    return preview
  }
}
