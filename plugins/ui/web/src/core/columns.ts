/** Names of columns: 'metrics.acc', 'params.opt', 'tags.team', 'attributes.start_time'. */

export type Kind = 'metrics' | 'params' | 'tags' | 'attributes'

export interface Column {
  kind: Kind
  /** All that follows the first dot, as it was logged. */
  key: string
}

const KINDS = new Set(['metrics', 'params', 'tags', 'attributes'])

export function parseColumn(name: string): Column {
  const dot = name.indexOf('.')
  const kind = name.slice(0, dot)
  return KINDS.has(kind) ? { kind: kind as Kind, key: name.slice(dot + 1) } : { kind: 'attributes', key: name }
}

const ATTRIBUTES: Record<string, string> = {
  run_name: 'name', start_time: 'age', duration: 'took', end_time: 'ended', user_id: 'user', run_id: 'run id',
  status: 'status', experiment_id: 'experiment', datasets: 'datasets',
}

/** The datasets that runs used: 'iris@9f2c (training), wine@77aa'. */
export const DATASETS = 'attributes.datasets'

/** What stands in the head of a column. */
export function titleOf(name: string): string {
  const { kind, key } = parseColumn(name)
  return kind === 'attributes' ? (ATTRIBUTES[key] ?? key) : key === 'mlflow.note.content' ? 'note' : key
}

/** A column as the grammar of filters writes it: keys that are not plain stand in backquotes. */
export function quotedColumn(name: string): string {
  const { kind, key } = parseColumn(name)
  const plain = /^[A-Za-z_][\w]*$/.test(key)
  return `${kind}.${plain ? key : key.includes('`') ? `"${key}"` : `\`${key}\``}`
}

/** A text as the grammar writes a value. */
export const quotedValue = (value: string): string => (value.includes("'") ? `"${value}"` : `'${value}'`)

/** The uses in a value of the column of datasets. */
export function usesOf(text: string): { name: string; digest: string; context: string }[] {
  const uses = text.matchAll(/(.+?)@([^@\s,]*)(?: \(([^)]*)\))?(?:, |$)/gs)
  return [...uses].map(([, name, digest, context]) => ({ name: name!, digest: digest!, context: context ?? '' }))
}

/** The comparison that a value of a column stands for; '' where filters have none. */
export function termOf(column: string, value: number | string): string {
  if (column === 'attributes.duration') return ''
  if (column !== DATASETS) return `${quotedColumn(column)} = ${typeof value === 'number' ? value : quotedValue(value)}`
  return usesOf(String(value)).map(({ name, digest }) => `dataset.name = ${quotedValue(name)} and dataset.digest = ${quotedValue(digest)}`).join(' and ')
}
