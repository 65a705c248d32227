/** Inputs and outputs of models as messages, in the forms that the field's libraries give them. */

import { grouped } from '../../core/format'
import type { Json } from '../../parts/json'

type Fields = { [key: string]: Json }

export interface Piece {
  text?: string
  /** Anything that is neither text nor an image; called `name` if it is a call of a tool. */
  json?: Json
  name?: string
  /** A picture, as an address with the data in it. */
  image?: string
}

export interface Message {
  role: string
  /** Which tool, or who. */
  name: string
  pieces: Piece[]
}

export interface Talk {
  messages: Message[]
  /** What stands beside the messages: temperature and the like. */
  rest: Fields
}

const ROLES: Record<string, string> = { human: 'user', ai: 'assistant', model: 'assistant', function: 'tool', developer: 'system' }
const IMAGE = /^data:image\/(png|jpeg|gif|webp|avif);base64,/
const isFields = (value: Json | undefined): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The messages of a value, undefined if it is something else. */
export function talkOf(value: Json | undefined): Talk | undefined {
  if (Array.isArray(value)) {
    const found = all(value) ?? streamed(value)
    return found && { messages: found, rest: {} }
  }
  if (!isFields(value)) return undefined
  const single = message(value)
  if (single) return { messages: [single], rest: {} }
  for (const key of ['messages', 'choices', 'generations', 'output', 'contents', 'candidates', 'message', 'response', 'input']) {
    const inner = value[key]
    const found = Array.isArray(inner) ? all(inner.flat()) : isFields(inner) ? talkOf(inner)?.messages : asked(value, key)
    if (!found) continue
    const rest = { ...value }
    delete rest[key]
    for (const told of ['system', 'instructions']) {
      const text = rest[told]
      if (typeof text !== 'string') continue
      found.unshift({ role: 'system', name: '', pieces: [{ text }] })
      delete rest[told]
    }
    const first = Array.isArray(inner) ? inner[0] : undefined
    if (isFields(first) && typeof first.finish_reason === 'string') rest.finish_reason = first.finish_reason
    return { messages: found, rest }
  }
  return undefined
}

/** A question that is a text alone: only beside a model or instructions, as other calls have an input, too. */
const asked = (value: Fields, key: string): Message[] | undefined =>
  key === 'input' && typeof value.input === 'string' && (typeof value.model === 'string' || typeof value.instructions === 'string') ? [{ role: 'user', name: '', pieces: [{ text: value.input }] }] : undefined

/** What came out beyond what went in: graphs give the whole conversation back. */
export function newIn(out: readonly Message[], into: readonly Message[]): readonly Message[] {
  const repeats = into.length > 0 && out.length > into.length && into.every((each, n) => JSON.stringify(each) === JSON.stringify(out[n]))
  return repeats ? out.slice(into.length) : out
}

function all(values: Json[]): Message[] | undefined {
  // Thoughts that are kept from the reader are no message.
  const told = values.filter((each) => !(isFields(each) && each.type === 'reasoning' && !thoughtsOf(each).length))
  if (!told.length) return undefined
  const found = told.map((each) => (isFields(each) ? (message(each) ?? wrapped(each) ?? item(each)) : undefined))
  return found.every((each) => each !== undefined) ? found : undefined
}

/** What stands between messages in answers of OpenAI's newer interface: calls, their results, thoughts. */
function item(value: Fields): Message | undefined {
  if (value.type === 'function_call' && typeof value.name === 'string') return { role: 'assistant', name: '', pieces: calls([value]) }
  if (value.type === 'function_call_output') return { role: 'tool', name: '', pieces: [{ json: value.output ?? null }] }
  return value.type === 'reasoning' ? { role: 'reasoning', name: '', pieces: thoughtsOf(value).map(piece) } : undefined
}

const thoughtsOf = (value: Fields): Fields[] => [value.summary, value.content].flatMap((each) => (Array.isArray(each) ? each : [])).filter(isFields)

/** The message that arrived in pieces: texts and calls of tools are put together in their order. */
function streamed(values: Json[]): Message[] | undefined {
  const found = new Map<number, { role: string; text: string; called: Fields[] }>()
  for (const chunk of values) {
    if (!isFields(chunk) || !Array.isArray(chunk.choices)) return undefined
    for (const choice of chunk.choices) {
      if (!isFields(choice) || !isFields(choice.delta)) return undefined
      const at = typeof choice.index === 'number' ? choice.index : 0
      const one = found.get(at) ?? { role: 'assistant', text: '', called: [] }
      found.set(at, one)
      if (typeof choice.delta.role === 'string') one.role = ROLES[choice.delta.role] ?? choice.delta.role
      if (typeof choice.delta.content === 'string') one.text += choice.delta.content
      if (Array.isArray(choice.delta.tool_calls)) choice.delta.tool_calls.filter(isFields).forEach((part) => join(one.called, part))
    }
  }
  if (!found.size) return undefined
  return [...found].sort((a, b) => a[0] - b[0]).map(([, { role, text, called }]) => ({ role, name: '', pieces: [...(text ? [{ text }] : []), ...calls(called)] }))
}

/** Add a part of a call to those before it: the name comes once, the arguments letter by letter. */
function join(called: Fields[], part: Fields): void {
  const at = typeof part.index === 'number' && part.index >= 0 && part.index <= called.length ? part.index : Math.max(0, called.length - 1)
  const given = isFields(part.function) ? part.function : part
  const one = (called[at] ??= { name: '', arguments: '' })
  if (typeof given.name === 'string') one.name = `${String(one.name)}${given.name}`
  if (typeof given.arguments === 'string') one.arguments = `${String(one.arguments)}${given.arguments}`
}

/** A choice, a generation or a candidate: the message is one level deeper. */
function wrapped(value: Fields): Message | undefined {
  for (const key of ['message', 'delta', 'content']) {
    const inner = value[key]
    if (isFields(inner)) return message(inner) ?? message({ role: 'assistant', ...inner })
  }
  return typeof value.text === 'string' ? { role: 'assistant', name: '', pieces: [{ text: value.text }] } : undefined
}

function message(value: Fields): Message | undefined {
  const said = typeof value.role === 'string' ? value.role : value.type === 'human' || value.type === 'ai' || value.type === 'system' || value.type === 'tool' ? value.type : undefined
  if (said === undefined) return undefined
  if (!('content' in value) && !('parts' in value) && !('tool_calls' in value)) return undefined
  const called = calls(value.tool_calls)
  const pieces = [...piecesOf(value.content ?? value.parts ?? null).filter((each) => each.text !== '' || !called.length), ...called]
  const name = typeof value.name === 'string' ? value.name : ''
  return { role: ROLES[said] ?? said, name, pieces }
}

function piecesOf(content: Json): Piece[] {
  if (content === null) return []
  if (typeof content === 'string') return [{ text: content }]
  if (!Array.isArray(content)) return [{ json: content }]
  if (!content.every((each) => isFields(each) && ('type' in each || 'text' in each)) || !content.length) return [{ json: content }]
  return content.map((each) => piece(each as Fields))
}

function piece(value: Fields): Piece {
  if (typeof value.text === 'string') return { text: value.text }
  const url = isFields(value.image_url) ? value.image_url.url : value.image_url
  if (typeof url === 'string') return IMAGE.test(url) ? { image: url } : { text: url }
  const source = value.source
  if (isFields(source) && typeof source.data === 'string' && typeof source.media_type === 'string') {
    const data = `data:${source.media_type};base64,${source.data}`
    if (IMAGE.test(data)) return { image: data }
  }
  if (value.type === 'tool_use' && typeof value.name === 'string') return { name: value.name, json: value.input ?? null }
  if (value.type === 'tool_result') return { json: value.content ?? null }
  return { json: value }
}

function calls(value: Json | undefined): Piece[] {
  if (!Array.isArray(value)) return []
  return value.filter(isFields).map((each) => {
    const called = isFields(each.function) ? each.function : each
    const name = typeof called.name === 'string' ? called.name : 'tool'
    return { name, json: parsed(called.arguments ?? called.args ?? null) }
  })
}

export interface Found {
  text: string
  /** Where it is from: its source, page, score and the like. */
  facts: [string, string][]
}

const MOST_FOUND = 200

/** Documents that were retrieved, in the forms of LangChain, MLflow and LlamaIndex; undefined if a value is something else. */
export function foundOf(value: Json | undefined): Found[] | undefined {
  const listed = isFields(value) ? (value.documents ?? value.source_documents ?? value.nodes) : value
  if (!Array.isArray(listed) || !listed.length || listed.length > MOST_FOUND) return undefined
  const found = listed.map(document)
  return found.every((each) => each !== undefined) ? found : undefined
}

function document(value: Json): Found | undefined {
  if (!isFields(value)) return undefined
  const inner = isFields(value.node) ? value.node : value
  const text = [inner.page_content, inner.text, inner.content].find((each) => typeof each === 'string')
  if (typeof text !== 'string' || (!('page_content' in inner) && !isFields(inner.metadata))) return undefined
  const told = { ...(isFields(inner.metadata) ? inner.metadata : {}), ...(typeof value.score === 'number' ? { score: value.score } : {}) }
  const facts = Object.entries(told).filter(([, each]) => each !== null && typeof each !== 'object')
  return { text, facts: facts.map(([key, each]) => [key, typeof each === 'number' ? String(+each.toPrecision(4)) : String(each)]) }
}

/** JSON in a text, as what it is. */
export function parsed(value: Json): Json {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value) as Json
  } catch {
    return value
  }
}

export interface Grid {
  columns: string[]
  rows: string[][]
  numeric: boolean[]
}

const MOST_COLUMNS = 8
const MOST_ROWS = 200

/** Rows of flat fields as a table, undefined if a value is something else. */
export function gridOf(value: Json | undefined): Grid | undefined {
  if (!Array.isArray(value) || !value.length || value.length > MOST_ROWS) return undefined
  const columns = new Set<string>()
  for (const row of value) {
    if (!isFields(row)) return undefined
    for (const [key, cell] of Object.entries(row)) {
      if (typeof cell === 'object' && cell !== null) return undefined
      if (typeof cell === 'string' && cell.length > 60) return undefined
      columns.add(key)
    }
  }
  if (!columns.size || columns.size > MOST_COLUMNS) return undefined
  const names = [...columns]
  const numeric = names.map((name) => value.every((row) => typeof ((row as Fields)[name] ?? 0) === 'number'))
  const decimals = names.map((name, n) => (numeric[n] ? Math.max(0, ...value.map((row) => decimalsOf((row as Fields)[name]))) : 0))
  const rows = value.map((row) => names.map((name, n) => cellText((row as Fields)[name], decimals[n]!)))
  return { columns: names, rows, numeric }
}

/** How many digits behind the point a number of 4 has. */
const decimalsOf = (value: Json | undefined): number => (typeof value === 'number' && Number.isFinite(value) ? (/\.(\d+)$/.exec(String(+value.toPrecision(4)))?.[1]?.length ?? 0) : 0)

const cellText = (value: Json | undefined, decimals: number): string =>
  value === undefined || value === null ? '' : typeof value === 'number' ? grouped(value, Math.min(decimals, 8)) : String(value)
