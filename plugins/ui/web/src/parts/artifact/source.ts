/** Where a file is: of a run or of a logged model; and how its bytes are read. */
import { useEffect, useState } from 'preact/hooks'
import { type Failure, fetchRaw, type Params, urlOf } from '../../core/api'

export interface Owner {
  run?: string
  model?: string
}

export const ownerParams = (owner: Owner): Record<string, string> =>
  owner.model ? { model_id: owner.model } : { run_id: owner.run ?? '' }

const whole = (owner: Owner, path: string): [string, Params] =>
  owner.model ? [`/api/2.0/mlflow/logged-models/${encodeURIComponent(owner.model)}/artifacts/files`, { artifact_file_path: path }] : ['/get-artifact', { run_id: owner.run, path }]

/** Where a file is downloaded from: with ranges, so that the browser resumes it. */
export const downloadUrl = (owner: Owner, path: string): string => urlOf(...whole(owner, path))

/** All bytes of a file. */
export const readWhole = (owner: Owner, path: string, signal: AbortSignal): Promise<ArrayBuffer> =>
  fetchRaw(...whole(owner, path), { signal }).then((answer) => answer.arrayBuffer())

export const previewUrl = (owner: Owner, path: string): string => urlOf('artifacts/preview', { ...ownerParams(owner), path })
export const frameUrl = (owner: Owner, path: string): string => urlOf('artifacts/frame', { ...ownerParams(owner), path })

export interface Head {
  bytes: Uint8Array
  /** Of the whole file; null if the store cannot tell. */
  size: number | null
  type: string
}

export const FIRST = 64 << 10
export const MOST = 4 << 20

export async function readHead(owner: Owner, path: string, bytes = FIRST, offset = 0, signal?: AbortSignal): Promise<Head> {
  const answer = await fetchRaw('artifacts/preview', { ...ownerParams(owner), path, bytes, offset: offset || undefined }, { signal })
  const size = answer.headers.get('x-artifact-size')
  return { bytes: new Uint8Array(await answer.arrayBuffer()), size: size === null ? null : Number(size), type: answer.headers.get('x-artifact-type') ?? '' }
}

export interface Reading {
  head?: Head
  error?: Failure
  reload: () => void
}

/** The first bytes of a file in a component; they stay while they are asked for again, and when that fails. */
export function useHead(owner: Owner, path: string, bytes = FIRST): Reading {
  const [state, setState] = useState<{ key: string; head?: Head; error?: Failure }>({ key: '' })
  const [turn, setTurn] = useState(0)
  const key = `${owner.run}/${owner.model}/${path}`
  useEffect(() => {
    const abort = new AbortController()
    readHead(owner, path, bytes, 0, abort.signal).then(
      (head) => setState({ key, head }),
      (error: Failure) => !abort.signal.aborted && setState((now) => ({ key, head: now.key === key ? now.head : undefined, error })),
    )
    return () => abort.abort()
  }, [key, bytes, turn])
  const own = state.key === key ? state : { key }
  return { head: own.head, error: own.error, reload: () => setTurn((n) => n + 1) }
}
