/** What a model takes and gives, as its file `MLmodel` says it. */

export interface Column {
  name: string
  type: string
  required: boolean
}

export interface Signature {
  inputs: Column[]
  outputs: Column[]
  params: Column[]
}

export type Part = keyof Signature
export const PARTS: readonly Part[] = ['inputs', 'outputs', 'params']

/** Read the signature; undefined if the file has none. Only what such a file can say is understood. */
export function signatureOf(mlmodel: string): Signature | undefined {
  const lines = mlmodel.replace(/\r/g, '').split('\n')
  const start = lines.findIndex((line) => /^signature:\s*$/.test(line))
  if (start < 0) return undefined
  const end = lines.findIndex((line, i) => i > start && /^\S/.test(line))
  const block = lines.slice(start + 1, end < 0 ? undefined : end)
  const made: Signature = { inputs: [], outputs: [], params: [] }
  for (const part of PARTS) made[part] = columnsOf(scalar(block, part))
  return PARTS.some((part) => made[part].length) ? made : undefined
}

/** The text of a key, however YAML has broken it into lines. */
function scalar(block: readonly string[], key: string): string {
  const at = block.findIndex((line) => new RegExp(`^ {1,4}${key}:`).test(line))
  if (at < 0) return ''
  const indent = /^ */.exec(block[at]!)![0].length
  const more: string[] = []
  for (const line of block.slice(at + 1)) {
    if (line.trim() && /^ */.exec(line)![0].length <= indent) break
    more.push(line.trim())
  }
  const first = block[at]!.slice(block[at]!.indexOf(':') + 1).trim()
  const text = (/^[|>][-+]?$/.test(first) ? more : [first, ...more]).join(' ').trim()
  if (text.startsWith("'")) return text.slice(1, text.lastIndexOf("'")).replace(/''/g, "'")
  // A backslash at the end of a line joins it with the next one.
  if (text.startsWith('"')) return parsed<string>(text.replace(/\\ +/g, '').replace(/^"|"$/g, '"')) ?? ''
  return text
}

function parsed<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

interface Spec {
  name?: string
  type?: string
  dtype?: string
  required?: boolean
  optional?: boolean
  default?: unknown
  'tensor-spec'?: { dtype?: string; shape?: number[] }
  items?: Spec
  properties?: Record<string, Spec>
}

function columnsOf(text: string): Column[] {
  const found = parsed<Spec[] | null>(text)
  if (!Array.isArray(found)) return []
  return found.map((spec, i) => ({
    name: spec.name ?? (found.length > 1 ? String(i) : '–'),
    type: typeOf(spec) + (spec.default === undefined ? '' : ` = ${JSON.stringify(spec.default)}`),
    required: spec.required ?? !spec.optional,
  }))
}

function typeOf(spec: Spec | undefined): string {
  if (!spec) return 'any'
  if (spec.type === 'tensor' || spec['tensor-spec']) return `${spec['tensor-spec']?.dtype ?? spec.dtype ?? '?'} (${(spec['tensor-spec']?.shape ?? []).map((n) => (n < 0 ? 'n' : n)).join(' × ')})`
  if (spec.type === 'array') return `[${typeOf(spec.items)}]`
  if (spec.type === 'object') return `{${Object.entries(spec.properties ?? {}).map(([name, each]) => `${name}: ${typeOf(each)}`).join(', ')}}`
  return spec.type ?? spec.dtype ?? 'any'
}

/** A signature as lines, to be compared. */
export const signatureText = (signature: Signature | undefined): string =>
  signature ? PARTS.flatMap((part) => (signature[part].length ? [`${part}:`, ...signature[part].map((each) => `  ${each.name}: ${each.type}${each.required ? '' : ', optional'}`)] : [])).join('\n') + '\n' : ''
