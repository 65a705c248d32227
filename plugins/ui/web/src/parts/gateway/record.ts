/** What the gateway keeps of a call: the model that answered, and what it cost. */
import { fetchRaw } from '../../core/api'

const LOOKS = 12
const LOOK_MS = 400

export interface Recorded {
  model: string
  tokens_in: number
  tokens_out: number
  /** Null: nobody knows the price. */
  usd: number | null
}

/** The record of a request: it is kept a moment after the answer's end. */
export async function recordOf<C extends Recorded>(id: string): Promise<C | undefined> {
  for (let look = 0; look < LOOKS; look++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    try {
      const { calls } = (await (await fetchRaw('gateway/tail', { id }, { cache: 'no-store' })).json()) as { calls: C[] }
      if (calls[0]) return calls[0]
    } catch {
      // The cost is missing then; the answer is there.
    }
  }
  return undefined
}
