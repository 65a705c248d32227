/** Asks /v1/chat/completions, and tells the pieces of the answer as they come. */
import { root } from '../../core/root'
import { type Piece, Reader, refusal } from './pieces'

export interface Question {
  endpoint: string
  message: string
  /** A key of the gateway, where it wants one; it is kept nowhere. */
  key?: string
}

/** Ask, and tell each piece, and the id of the request once it is known. An abort ends the call on the server too. */
export async function ask({ endpoint, message, key }: Question, signal: AbortSignal, told: (piece: Piece) => void, began: (requestId: string) => void): Promise<void> {
  const answer = await fetch(new URL('v1/chat/completions', root), {
    method: 'POST',
    credentials: 'same-origin',
    signal,
    headers: { 'Content-Type': 'application/json', 'X-Requested-With': 'pegboard', ...(key && { Authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ model: endpoint, messages: [{ role: 'user', content: message }], stream: true, stream_options: { include_usage: true } }),
  })
  const id = answer.headers.get('x-request-id') ?? ''
  began(id)
  if (!answer.ok || !answer.body) throw refusal(await answer.text(), answer.status, id)
  const reader = new Reader()
  const pieces = answer.body.getReader()
  for (;;) {
    const { done, value } = await pieces.read()
    if (done) return
    for (const piece of reader.feed(value)) told(piece)
  }
}
