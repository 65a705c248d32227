/** The last calls, renewed while one looks; held back while somebody points at them. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Failure, fetchRaw } from '../../core/api'
import type { Call, Tail } from './answers'

const POLL_MS = 2000
const MOST = 200

export interface Live {
  calls: readonly Call[]
  /** How many have come that are not shown yet. */
  held: number
  error?: Failure
  /** Whether rows stay where they are. */
  hold: (on: boolean) => void
  show: () => void
}

export function useTail(): Live {
  const [calls, setCalls] = useState<readonly Call[]>([])
  const [waiting, setWaiting] = useState<readonly Call[]>([])
  const [error, setError] = useState<Failure>()
  const holding = useRef(false)
  const after = useRef(0)
  useEffect(() => {
    const abort = new AbortController()
    let timer = 0
    const look = async () => {
      if (!document.hidden) {
        try {
          const answer = await fetchRaw('gateway/tail', { after: after.current || undefined }, { signal: abort.signal, cache: 'no-store' })
          const found = (await answer.json()) as Tail
          // A smaller number: the table of calls has begun anew.
          const anew = found.after < after.current
          after.current = found.after
          setError(undefined)
          if (found.calls.length || anew) setWaiting((now) => [...found.calls, ...(anew ? [] : now)].slice(0, MOST))
          if (anew) setCalls([])
        } catch (failure) {
          if (abort.signal.aborted) return
          setError(failure as Failure)
        }
      }
      if (!abort.signal.aborted) timer = window.setTimeout(() => void look(), POLL_MS)
    }
    void look()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [])
  const show = () => {
    if (!waiting.length) return
    setCalls((now) => [...waiting, ...now].slice(0, MOST))
    setWaiting([])
  }
  useEffect(() => { if (!holding.current) show() }, [waiting])
  const hold = (on: boolean) => {
    holding.current = on
    if (!on) show()
  }
  return { calls, held: waiting.length, error, hold, show }
}
