/** Asks models of the gateway, some at a time, and keeps what comes of it for as long as the page is open. */
import { useEffect, useReducer, useRef } from 'preact/hooks'
import { Refused } from '../../parts/gateway/pieces'
import { recordOf } from '../../parts/gateway/record'
import { ask } from '../../parts/gateway/stream'
import type { Message } from '../../parts/prompt/template'
import type { Scored } from './scores'

/** How many answers come at once. */
const AT_ONCE = 4

export interface Job {
  /** Where its answer is shown: which row, which column, and of which text. */
  id: string
  /** Of which other text it is, as it was called then: aliases move. */
  of?: string
  endpoint: string
  messages: readonly Message[]
  /** What is asked for with it, under the gateway's names. */
  parameters: Record<string, unknown>
  inputs: Readonly<Record<string, string>>
  /** What is expected of its row, as JSON. */
  expectations?: string
  key?: string
}

export interface Cell {
  job: Job
  state: 'queued' | 'waits' | 'comes' | 'done' | 'stopped' | 'failed'
  text: string
  /** Seconds. */
  first?: number
  took?: number
  began?: number
  tokens?: { input: number; output: number }
  /** null: nobody knows the price; undefined: it is not known yet. */
  usd?: number | null
  error?: Refused
  /** It has as many tokens as it may have. */
  isCut?: boolean
  /** How good a person finds it, from 1 to 5. */
  mark?: number
  /** What scorers say of it, by what they are called in the address. */
  scores?: ReadonlyMap<string, Scored>
}

export const MARKS = [1, 2, 3, 4, 5] as const

export const isOpen = (cell: Cell | undefined): boolean => cell?.state === 'waits' || cell?.state === 'comes' || cell?.state === 'queued'

export interface Answers {
  cells: ReadonlyMap<string, Cell>
  isRunning: boolean
  run: (jobs: readonly Job[]) => void
  stop: () => void
  /** Say how good an answer is; the same mark again takes it away. */
  rate: (id: string, mark: number) => void
  /** Say what a scorer found; passed over if the answer is another by now. */
  score: (id: string, job: Job, scorer: string, scored: Scored) => void
  /** Take away what the others than these scorers found. */
  keep: (scorers: readonly string[]) => void
  /** Ends the scores that are begun now. */
  signal: () => AbortSignal
  /** Forget all. */
  clear: () => void
}

export function useAnswers(): Answers {
  const cells = useRef(new Map<string, Cell>()).current
  const abort = useRef<AbortController | undefined>(undefined)
  const judging = useRef(new AbortController())
  const frame = useRef(0)
  const [, draw] = useReducer((n: number) => n + 1, 0)
  // Once a frame, however fast tokens come.
  const show = () => { frame.current ||= requestAnimationFrame(() => { frame.current = 0; draw(0) }) }
  const stop = () => { abort.current?.abort(); judging.current.abort() }
  useEffect(() => () => { stop(); cancelAnimationFrame(frame.current); frame.current = -1 }, [])
  const run = (jobs: readonly Job[]) => {
    stop()
    const mine = new AbortController()
    abort.current = mine
    cells.clear()
    for (const job of jobs) cells.set(job.id, { job, state: 'queued', text: '' })
    const waiting = [...jobs]
    const worker = async () => {
      for (let job = waiting.shift(); job && !mine.signal.aborted; job = waiting.shift()) await answer(job, mine.signal, (more) => { if (abort.current === mine) { const before = cells.get(more.job.id); cells.set(more.job.id, { ...more, mark: before?.mark, scores: before?.scores }); show() } })
    }
    for (let n = 0; n < AT_ONCE; n++) void worker()
    mine.signal.addEventListener('abort', () => {
      for (const [id, cell] of cells) if (cell.state === 'queued') cells.set(id, { ...cell, state: 'stopped' })
      show()
    })
    show()
  }
  const clear = () => { stop(); abort.current = undefined; cells.clear(); show() }
  const rate = (id: string, mark: number) => {
    const cell = cells.get(id)
    if (cell?.state !== 'done') return
    cells.set(id, { ...cell, mark: cell.mark === mark ? undefined : mark })
    show()
  }
  const score = (id: string, job: Job, scorer: string, scored: Scored) => {
    const cell = cells.get(id)
    if (cell?.job !== job) return
    cells.set(id, { ...cell, scores: new Map(cell.scores).set(scorer, scored) })
    show()
  }
  const keep = (scorers: readonly string[]) => {
    for (const [id, cell] of cells) if (cell.scores) cells.set(id, { ...cell, scores: new Map([...cell.scores].filter(([scorer]) => scorers.includes(scorer))) })
    show()
  }
  const signal = () => (judging.current.signal.aborted ? (judging.current = new AbortController()) : judging.current).signal
  const isScored = (cell: Cell) => [...(cell.scores?.values() ?? [])].some((each) => each.state === 'waits')
  return { cells, isRunning: [...cells.values()].some((cell) => isOpen(cell) || isScored(cell)), run, stop, rate, score, keep, signal, clear }
}

async function answer(job: Job, signal: AbortSignal, tell: (cell: Cell) => void): Promise<void> {
  const began = performance.now()
  const since = () => (performance.now() - began) / 1000
  let cell: Cell = { job, state: 'waits', text: '', began }
  const change = (more: Partial<Cell>) => { cell = { ...cell, ...more }; tell(cell) }
  let id = ''
  tell(cell)
  try {
    await ask({ endpoint: job.endpoint, messages: job.messages, key: job.key, more: job.parameters }, signal, ({ text, tokens, finish }) => {
      if (text) change({ text: cell.text + text, state: 'comes', first: cell.first ?? since() })
      if (tokens) change({ tokens })
      if (finish === 'length') change({ isCut: true })
    }, (found) => { id = found })
    change({ state: 'done', took: since() })
  } catch (error) {
    if (signal.aborted) change({ state: 'stopped', took: since() })
    else change({ state: 'failed', took: since(), error: error instanceof Refused ? error : new Refused((error as Error).message) })
  }
  // Its price comes a moment later, and nobody waits for it.
  if (id) void recordOf(id).then((call) => call && change({ usd: call.usd, tokens: cell.tokens ?? { input: call.tokens_in, output: call.tokens_out } }))
}
