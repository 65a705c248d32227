/** Prompts as the registry keeps them, and their variables. All of it is pure. */
import type { Pair, Version } from '../registry/answers'

export interface Message {
  role: string
  content: string
}

/** A text is one message without a role. */
export type Template = readonly Message[]

export interface Config {
  model_name?: string
  temperature?: number
  max_tokens?: number
  stop_sequences?: string[]
  [name: string]: unknown
}

/** MLflow's tags of versions of prompts, and one of ours. */
export const TAGS = { text: 'mlflow.prompt.text', type: '_mlflow_prompt_type', format: '_mlflow_prompt_response_format', config: '_mlflow_prompt_model_config', variables: 'pegboard.prompt.variables' } as const

/** As MLflow's clients find them: letters, digits and _, with dots between. */
const VARIABLE = /\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)*)\s*\}\}/g

export const isChat = (template: Template): boolean => template[0]?.role !== '' && template.length > 0

const tag = (version: { tags?: readonly Pair[] }, key: string): string => version.tags?.find((each) => each.key === key)?.value ?? ''

/** The template of a version; what should be a chat and is not one is shown as the text that it is. */
export function templateOf(version: { tags?: readonly Pair[] }): Template {
  const text = tag(version, TAGS.text)
  if (tag(version, TAGS.type) === 'chat') {
    const found = parsed(text)
    if (Array.isArray(found) && found.length && found.every(isMessage)) return found.map(({ role, content }) => ({ role, content: typeof content === 'string' ? content : JSON.stringify(content, null, 1) }))
  }
  return [{ role: '', content: text }]
}

const isMessage = (value: unknown): value is { role: string; content: unknown } =>
  typeof value === 'object' && value !== null && typeof (value as Message).role === 'string' && (value as Message).role !== '' && 'content' in value

export function configOf(version: { tags?: readonly Pair[] }): Config {
  const found = parsed(tag(version, TAGS.config))
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Config) : {}
}

/** What is known of a variable, beside its name. */
export interface Known {
  type?: string
  default?: unknown
  description?: string
}

export function knownOf(version: { tags?: readonly Pair[] }): Record<string, Known> {
  const found = parsed(tag(version, TAGS.variables))
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return {}
  return Object.fromEntries(Object.entries(found).filter(([, known]) => typeof known === 'object' && known !== null))
}

/** What stands for a variable that gets no value. */
export const defaultsOf = (known: Record<string, Known>): Record<string, string> =>
  Object.fromEntries(Object.entries(known).flatMap(([name, { default: value }]) => (value === undefined || value === null ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)]])))

/** The schema of the answer, as it is written. */
export const formatOf = (version: { tags?: readonly Pair[] }): string => pretty(tag(version, TAGS.format))

function pretty(text: string): string {
  const found = parsed(text)
  return found === undefined ? text : JSON.stringify(found, null, 2)
}

export function parsed(text: string): unknown {
  try {
    return text ? (JSON.parse(text) as unknown) : undefined
  } catch {
    return undefined
  }
}

/** The template in one text, as the registry keeps it. */
export const textOf = (template: Template): string => (isChat(template) ? JSON.stringify(template.map(({ role, content }) => ({ role, content }))) : (template[0]?.content ?? ''))

/** The template in one text, as people read it. */
export const readable = (template: Template): string => (isChat(template) ? template.map(({ role, content }) => `${role}: ${content}`).join('\n\n') : (template[0]?.content ?? ''))

/** Names of variables, in their order, each once. */
export const variablesOf = (template: Template): string[] => [...new Set(template.flatMap(({ content }) => [...content.matchAll(VARIABLE)].map((found) => found[1]!)))]

/** Put values into their places, once: what looks like a place in a value stays as it is. */
/** What there is of a variable: one may be called as what every object has, such as 'constructor'. */
export const valueOf = <T>(values: Readonly<Record<string, T>> | undefined, name: string): T | undefined => (values && Object.hasOwn(values, name) ? values[name] : undefined)

export const fill = (text: string, values: Readonly<Record<string, string>>): string => text.replace(VARIABLE, (place: string, name: string) => (Object.hasOwn(values, name) ? values[name]! : place))

/** The messages that are sent. */
export const filled = (template: Template, values: Readonly<Record<string, string>>): Message[] => template.map(({ role, content }) => ({ role: role || 'user', content: fill(content, values) }))

/** What the sandbox of Jinja fills on the server; here it would be sent as it is. */
export const isJinja = (template: Template): boolean => template.some(({ content }) => /\{%[\s\S]*?%\}/.test(content))

export interface Span {
  text: string
  isVariable: boolean
}

/** A text in pieces, its variables apart. */
export function spansOf(text: string): Span[] {
  const found: Span[] = []
  let at = 0
  for (const match of text.matchAll(VARIABLE)) {
    if (match.index > at) found.push({ text: text.slice(at, match.index), isVariable: false })
    found.push({ text: match[0], isVariable: true })
    at = match.index + match[0].length
  }
  if (at < text.length) found.push({ text: text.slice(at), isVariable: false })
  return found
}

export interface Change {
  /** Of which message, such as 'system'; '' of a text. */
  role: string
  before: string
  after: string
  /** Whether a message is in one of both alone. */
  only?: 'before' | 'after'
}

/** Messages of two templates beside each other: the same roles in their order, what one lacks apart. */
export function paired(before: Template, after: Template): Change[] {
  // The longest common sequence of roles; chats are short.
  const [n, m] = [before.length, after.length]
  const alike = (i: number, j: number) => before[i]!.role === after[j]!.role
  const length = Array.from({ length: n + 1 }, () => new Array<number>(m + 1).fill(0))
  // Of pairs with the same role those with the same text are worth more, so that one message put in shows as one.
  for (let i = n - 1; i >= 0; i--) for (let j = m - 1; j >= 0; j--) length[i]![j] = Math.max(length[i + 1]![j]!, length[i]![j + 1]!, alike(i, j) ? length[i + 1]![j + 1]! + (before[i]!.content === after[j]!.content ? 3 : 2) : 0)
  const found: Change[] = []
  let [i, j] = [0, 0]
  while (i < n || j < m) {
    const here = i < n && j < m && alike(i, j) ? length[i + 1]![j + 1]! + (before[i]!.content === after[j]!.content ? 3 : 2) : -1
    if (here >= 0 && here === length[i]![j]) found.push({ role: before[i]!.role, before: before[i++]!.content, after: after[j++]!.content })
    else if (j >= m || (i < n && length[i + 1]![j]! >= length[i]![j + 1]!)) found.push({ role: before[i]!.role, before: before[i++]!.content, after: '', only: 'before' })
    else found.push({ role: after[j]!.role, before: '', after: after[j++]!.content, only: 'after' })
  }
  return found
}

/** What of a version can be different: its messages, then its config and schema as texts. */
export const changesOf = (before: Version | Parts, after: Version | Parts): { messages: Change[]; config: Change | undefined; format: Change | undefined } => {
  const [from, to] = [partsOf(before), partsOf(after)]
  const other = (role: string, a: string, b: string): Change | undefined => (a === b ? undefined : { role, before: a, after: b })
  return { messages: paired(from.template, to.template), config: other('config', configText(from.config), configText(to.config)), format: other('response schema', from.format, to.format) }
}

export interface Parts {
  template: Template
  config: Config
  format: string
}

export const partsOf = (of: Version | Parts): Parts => ('template' in of ? of : { template: templateOf(of), config: configOf(of), format: formatOf(of) })

/** A config, a line for each of its keys. */
export const configText = (config: Config): string => Object.keys(config).filter((key) => config[key] !== null && config[key] !== undefined).sort().map((key) => `${key}: ${typeof config[key] === 'string' ? config[key] : JSON.stringify(config[key])}`).join('\n')

export const isSame = (changes: readonly Change[]): boolean => changes.every((change) => !change.only && change.before === change.after)
