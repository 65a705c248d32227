/** A document in a frame of its own; what the server would refuse to put there says why, as a frame would only stay empty. */
import { useEffect, useState } from 'preact/hooks'
import { type Failure, fetchRaw } from '../../core/api'
import { Failed, Nothing } from '../states'
import { frameUrl, ownerParams, type Owner } from './source'

export interface FrameProps {
  owner: Owner
  path: string
  title: string
  /** The rights of the document; without it none are taken, as viewers of PDF do not work in a sandbox. */
  sandbox?: string
  /** What is said below it. */
  under?: string
}

export function Frame({ owner, path, title, sandbox, under }: FrameProps) {
  const [asked, setAsked] = useState<{ error?: Failure }>()
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const abort = new AbortController()
    // Only whether it comes is of interest; the frame loads it then.
    fetchRaw('artifacts/frame', { ...ownerParams(owner), path }, { signal: abort.signal }).then(
      (answer) => { void answer.body?.cancel(); setAsked({}) },
      (error: Failure) => !abort.signal.aborted && setAsked({ error }),
    )
    return () => abort.abort()
  }, [turn])
  if (!asked) return null
  const { error } = asked
  if (error?.status === 400) return <div class="dots fillup"><Nothing title="This file cannot be shown">{error.message} {error.hint}</Nothing></div>
  if (error) return <Failed what="The file could not be read" error={error} retry={() => setTurn(turn + 1)} />
  return (
    <>
      <iframe class="art-frame" title={title} sandbox={sandbox} referrerpolicy="no-referrer" src={frameUrl(owner, path)} />
      {under && <div class="art-under"><span>{under}</span></div>}
    </>
  )
}
