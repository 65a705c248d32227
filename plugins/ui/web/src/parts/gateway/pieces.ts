/** What a streamed chat completion consists of, and the words of a refusal. */

export interface Piece {
  text?: string
  tokens?: { input: number; output: number }
  /** Why it ends: 'stop', or 'length' for one that has as many tokens as it may have. */
  finish?: string
}

/** Why there is no answer, or no whole one: the words of the gateway. */
export class Refused extends Error {
  constructor(message: string, readonly hint = '', readonly requestId = '') {
    super(message)
  }
}

interface Chunk {
  error?: { message?: string; hint?: string }
  choices?: { delta?: { content?: string | null; reasoning_content?: string | null }; finish_reason?: string | null }[]
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null
}

/** Reads server-sent events out of pieces that may be cut anywhere. */
export class Reader {
  private isDone = false
  private rest = ''
  private readonly decoder = new TextDecoder()

  /** Whether the stream said that it is complete. */
  get ended(): boolean {
    return this.isDone || /^data: *\[DONE\]\s*$/.test(this.rest)
  }

  feed(bytes: Uint8Array): Piece[] {
    this.rest += this.decoder.decode(bytes, { stream: true })
    const lines = this.rest.split('\n')
    this.rest = lines.pop() ?? ''
    const said = lines.flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trim()] : []))
    this.isDone ||= said.includes('[DONE]')
    return said.flatMap(piecesOf)
  }
}

function piecesOf(data: string): Piece[] {
  if (!data || data === '[DONE]') return []
  const chunk = JSON.parse(data) as Chunk
  if (chunk.error) throw new Refused(chunk.error.message ?? 'The stream broke.', chunk.error.hint)
  const found: Piece[] = []
  const choice = chunk.choices?.[0]
  if (choice?.delta?.content) found.push({ text: choice.delta.content })
  if (choice?.finish_reason) found.push({ finish: choice.finish_reason })
  if (chunk.usage) found.push({ tokens: { input: chunk.usage.prompt_tokens ?? 0, output: chunk.usage.completion_tokens ?? 0 } })
  return found
}

export function refusal(text: string, status: number, id = ''): Refused {
  try {
    const { error, message, hint } = JSON.parse(text) as { error?: { message?: string; hint?: string }; message?: string; hint?: string }
    return new Refused(error?.message ?? message ?? `The gateway answered with status ${status}.`, error?.hint ?? hint, id)
  } catch {
    return new Refused(`The gateway answered with status ${status}.`, '', id)
  }
}
