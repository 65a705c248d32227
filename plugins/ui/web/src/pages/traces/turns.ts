/** A conversation: what was asked and answered in each turn, out of all that went in and came out. */
import type { Json } from '../../parts/json'
import { type Message, newIn, parsed, talkOf } from './messages'
import type { Assessment } from '../../parts/review/assessment'

export interface Part {
  value: Json
  /** How many characters it has, if it is a part only; else 0. */
  cut: number
}

export interface Turn {
  trace_id: string
  name: string | null
  state: string
  time: number
  duration: number | null
  tokens: number | null
  cost: number | null
  user: string | null
  experiment: string
  input: Part
  output: Part
  /** What failed first, '' if nothing did. */
  error: string
  spans: number
  assessments: Assessment[]
}

/** How libraries call what was asked, and what was answered. */
const ASKED = ['question', 'query', 'input', 'prompt', 'message', 'text', 'user_input', 'content']
const ANSWERED = ['answer', 'output', 'response', 'result', 'reply', 'message', 'text', 'content', 'completion']

/** What is told: a text, or a value that is shown as what it is. */
export type Told = { text: string } | { value: Json }

/** What the user said in a turn: of messages the last of a user, as the others are those of turns before. */
export function askedIn(given: Json): Told {
  const value = parsed(given)
  const talk = talkOf(value) ?? talkOf(inner(value))
  const last = talk?.messages.findLast((each) => each.role === 'user')
  return (last && saidIn([last])) ?? single(value, ASKED)
}

/** What was answered: of messages the last that has words, of those that went in none. */
export function answeredIn(given: Json, into: Json): Told {
  const value = parsed(given)
  const talk = talkOf(value)
  const before = talkOf(parsed(into))?.messages ?? []
  const fresh = talk && newIn(talk.messages, before)
  const last = fresh?.findLast((each) => each.role === 'assistant' && each.pieces.some((piece) => piece.text))
  return (last && saidIn([last])) ?? single(value, ANSWERED)
}

function saidIn(messages: readonly Message[]): Told | undefined {
  const pieces = messages.flatMap((each) => each.pieces)
  const words = pieces.flatMap((piece) => (piece.text ? [piece.text] : piece.image ? ['[image]'] : []))
  return words.length ? { text: words.join('\n') } : undefined
}

/** A call with one argument is that argument. */
function inner(value: Json): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const held = Object.values(value)
  return held.length === 1 ? held[0] : undefined
}

function single(value: Json, names: readonly string[]): Told {
  if (typeof value === 'string') return { text: value }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { value }
  const only = inner(value)
  if (typeof only === 'string') return { text: only }
  const name = names.find((each) => typeof value[each] === 'string')
  return name ? { text: value[name] as string } : { value }
}

export interface Sum {
  turns: number
  failed: number
  tokens: number | null
  cost: number | null
  ms: number
  users: string[]
}

export function sumOf(turns: readonly Turn[]): Sum {
  const all = (of: (turn: Turn) => number | null) => turns.reduce<number | null>((sum, turn) => (of(turn) === null ? sum : (sum ?? 0) + of(turn)!), null)
  return {
    turns: turns.length, failed: turns.filter((turn) => turn.state === 'ERROR').length, tokens: all((turn) => turn.tokens), cost: all((turn) => turn.cost),
    ms: all((turn) => turn.duration) ?? 0, users: [...new Set(turns.flatMap((turn) => turn.user ?? []))],
  }
}
