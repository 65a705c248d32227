/** The end of a log, followed while it grows: what was read is not read again, and little is kept. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Failure } from '../../core/api'
import { readHead } from '../../parts/artifact/source'
import { type Kept, linesOf } from './lines'

const FIRST = 64 << 10
const MOST = 256 << 10
/** Of a log that grew by more, only its end is read. */
const STEP = 1 << 20
export const EVERY_MS = 1000

export interface Tail {
  /** undefined: not known yet. */
  text?: string
  /** How many bytes before it are not shown. */
  before: number
  error?: Failure
}

/** Call a function every so many ms, while somebody looks; never while its last call goes on. */
export function useEvery(ms: number, does: () => unknown): void {
  const latest = useRef(does)
  latest.current = does
  useEffect(() => {
    if (!ms) return
    let timer = 0
    let over = false
    const turn = () => {
      timer = window.setTimeout(async () => {
        try {
          if (!document.hidden) await latest.current()
        } finally {
          if (!over) turn()
        }
      }, ms)
    }
    turn()
    return () => { over = true; clearTimeout(timer) }
  }, [ms])
}

/** The end of a file of a run; asked again while it is `live`, and once more when it ends. */
export function useTail(run: string, path: string, live: boolean): Tail {
  const [state, setState] = useState<Tail & { run: string }>({ run, before: 0 })
  const kept = useRef<Kept | undefined>(undefined)
  const ask = async () => {
    try {
      const next = await grown(run, path, kept.current)
      kept.current = next
      const { text, cut } = linesOf(next)
      setState({ run, text, before: next.end - next.bytes.length + cut })
    } catch (error) {
      if ((error as Failure).status === 404) setState({ run, before: 0, error: error as Failure })
      else setState((now) => ({ ...now, run, error: error as Failure }))
    }
  }
  useEffect(() => {
    kept.current = undefined
    setState({ run, before: 0 })
  }, [run, path])
  useEffect(() => void ask(), [run, path, live])
  useEvery(live ? EVERY_MS : 0, ask)
  return state.run === run ? state : { before: 0 }
}

async function grown(run: string, path: string, known: Kept | undefined): Promise<Kept> {
  if (known) {
    const more = await readHead({ run }, path, STEP, known.end)
    const size = more.size ?? known.end + more.bytes.length
    if (size >= known.end && size - known.end <= STEP) return cut({ bytes: joined(known.bytes, more.bytes), end: known.end + more.bytes.length })
  }
  const first = await readHead({ run }, path, FIRST)
  if (first.size === null || first.size <= first.bytes.length) return { bytes: first.bytes, end: first.bytes.length }
  const from = first.size - FIRST
  const last = await readHead({ run }, path, STEP, from)
  return cut({ bytes: last.bytes, end: from + last.bytes.length })
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

const cut = ({ bytes, end }: Kept): Kept => ({ bytes: bytes.length > MOST ? bytes.slice(bytes.length - MOST) : bytes, end })
