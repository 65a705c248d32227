/** Inputs and outputs of models as messages, in the forms that the field's libraries give them. */

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
    const found = all(value)
    return found && { messages: found, rest: {} }
  }
  if (!isFields(value)) return undefined
  const single = message(value)
  if (single) return { messages: [single], rest: {} }
  for (const key of ['messages', 'choices', 'generations', 'output', 'contents', 'candidates', 'message', 'response', 'input']) {
    const inner = value[key]
    const found = Array.isArray(inner) ? all(inner.flat()) : isFields(inner) ? talkOf(inner)?.messages : undefined
    if (!found) continue
    const rest = { ...value }
    delete rest[key]
    if (typeof rest.system === 'string') {
      found.unshift({ role: 'system', name: '', pieces: [{ text: rest.system }] })
      delete rest.system
    }
    const first = Array.isArray(inner) ? inner[0] : undefined
    if (isFields(first) && typeof first.finish_reason === 'string') rest.finish_reason = first.finish_reason
    return { messages: found, rest }
  }
  return undefined
}

function all(values: Json[]): Message[] | undefined {
  if (!values.length) return undefined
  const found = values.map((each) => (isFields(each) ? (message(each) ?? wrapped(each)) : undefined))
  return found.every((each) => each !== undefined) ? found : undefined
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
  const pieces = [...piecesOf(value.content ?? value.parts ?? null), ...calls(value.tool_calls)]
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
  value === undefined || value === null ? '' : typeof value === 'number' ? value.toLocaleString('en-US', { minimumFractionDigits: Math.min(decimals, 8), maximumFractionDigits: Math.min(decimals, 8) }) : String(value)
