/** Asks /v1/chat/completions, and tells the pieces of the answer as they come. */
import { root } from '../../core/root'
import { type Piece, Reader, Refused, refusal } from './pieces'

export interface Question {
  endpoint: string
  messages: readonly { role: string; content: string }[]
  /** A key of the gateway, where it wants one; it is kept nowhere. */
  key?: string
  /** What more is asked for, under the API's names: temperature, max_tokens, stop. */
  more?: Record<string, unknown>
}

const SILENT = new Refused('The server does not answer.', 'Nothing was asked; try again when it is there.')
const BROKEN = new Refused('The gateway went away while it answered.', 'What had come is kept. Ask again for a whole answer.')

/** Ask, and tell each piece, and the id of the request once it is known. An abort ends the call on the server too. */
export async function ask({ endpoint, messages, key, more }: Question, signal: AbortSignal, told: (piece: Piece) => void, began: (requestId: string) => void): Promise<void> {
  const answer = await fetch(new URL('v1/chat/completions', root), {
    method: 'POST',
    credentials: 'same-origin',
    signal,
    headers: { 'Content-Type': 'application/json', 'X-Requested-With': 'pegboard', ...(key && { Authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ ...more, model: endpoint, messages, stream: true, stream_options: { include_usage: true } }),
  }).catch((error: Error) => { throw signal.aborted ? error : SILENT })
  const id = answer.headers.get('x-request-id') ?? ''
  began(id)
  if (!answer.ok || !answer.body) throw refusal(await answer.text(), answer.status, id)
  const reader = new Reader()
  const pieces = answer.body.getReader()
  for (;;) {
    const { done, value } = await pieces.read().catch((error: Error) => { throw signal.aborted ? error : BROKEN })
    // A stream that ends without having said so was cut off by somebody on the way.
    if (done && !reader.ended) throw BROKEN
    if (done) return
    for (const piece of reader.feed(value)) told(piece)
  }
}
