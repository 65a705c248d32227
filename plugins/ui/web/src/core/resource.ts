/** Data of the server in a component: shown at once if known, kept while it is renewed or missing. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Failure, shared, type Params, remembered } from './api'

export interface Resource<T> {
  /** The last good answer; stays while another is on its way, and when that fails. */
  data: T | undefined
  /** Why the last try failed; undefined when it did not. */
  error: Failure | undefined
  loading: boolean
  /** When the data came (ms). */
  at: number
  reload: () => void
}

const FIRST_WAIT = 1000
const LONGEST_WAIT = 30_000

/** Ask for a path whenever it or its parameters change; null asks for nothing. */
export function useResource<T>(path: string | null, params?: Params): Resource<T> {
  const key = path === null ? null : JSON.stringify([path, params])
  const [state, setState] = useState(() => ({ data: path === null ? undefined : remembered<T>(path, params), error: undefined as Failure | undefined, loading: path !== null, at: 0 }))
  const [turn, setTurn] = useState(0)
  const wait = useRef(FIRST_WAIT)
  // Not a frame later: an effect waits until the page without the data has been drawn.
  useLayoutEffect(() => {
    if (path === null) return
    const abort = new AbortController()
    let timer = 0
    const known = remembered<T>(path, params)
    setState((now) => (now.loading && (known ?? now.data) === now.data ? now : { ...now, data: known ?? now.data, loading: true }))
    shared<T>(path, params, abort.signal).then(
      (data) => {
        if (abort.signal.aborted) return
        wait.current = FIRST_WAIT
        setState({ data, error: undefined, loading: false, at: Date.now() })
      },
      (error: Failure) => {
        if (abort.signal.aborted) return
        setState((now) => ({ ...now, error, loading: false }))
        // What a store cannot do (501) it cannot do a second later.
        if (error.isGone || (error.status >= 500 && error.status !== 501)) {
          timer = window.setTimeout(() => setTurn((n) => n + 1), wait.current)
          wait.current = Math.min(wait.current * 2, LONGEST_WAIT)
        }
      },
    )
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [key, turn])
  return { ...state, reload: () => setTurn((n) => n + 1) }
}
