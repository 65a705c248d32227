/** Sound and film, played by the browser's own controls from bytes that this page holds. */
import { useEffect, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import type { Failure } from '../../core/api'
import { bytes as sized } from '../../core/format'
import { Failed, Nothing } from '../states'
import { endingOf, nameOf } from './kinds'
import { type Owner, readWhole } from './source'

/** What a file is played as, by its name: never what a server or the file itself says. */
const TYPES: Record<string, string> = {
  wav: 'audio/wav', mp3: 'audio/mpeg', ogg: 'audio/ogg', flac: 'audio/flac', m4a: 'audio/mp4', aac: 'audio/aac', opus: 'audio/ogg',
  mp4: 'video/mp4', webm: 'video/webm', mov: 'video/mp4', mkv: 'video/webm',
}
/** Up to this size a file is loaded by itself, and up to that one when it is wanted. */
const SMALL = 8 << 20
const MOST = 256 << 20

export function Media({ owner, path, size, dump }: { owner: Owner; path: string; size: number | null; dump: ComponentChildren }) {
  const type = TYPES[endingOf(path)]
  const [wanted, setWanted] = useState(size !== null && size <= SMALL)
  const [src, setSrc] = useState('')
  const [error, setError] = useState<Failure>()
  const [silent, setSilent] = useState(!type)
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    if (!wanted || !type) return
    const abort = new AbortController()
    let made = ''
    setError(undefined)
    // Only what the page has read itself may play: no address of the server does.
    readWhole(owner, path, abort.signal)
      .then((bytes) => setSrc((made = URL.createObjectURL(new Blob([bytes], { type })))), (found: Failure) => !abort.signal.aborted && setError(found))
    return () => { abort.abort(); URL.revokeObjectURL(made) }
  }, [wanted, type, path, turn])
  if (error) return <Failed what="The file could not be read" error={error} retry={() => setTurn((n) => n + 1)} />
  if (silent || (size !== null && size > MOST)) return <div class="dots fillup"><Nothing title={silent ? 'This browser does not play this file' : 'This file is too large to be played here'}>{size === null ? 'It' : `Its ${sized(size)}`} can be downloaded.</Nothing>{dump}</div>
  if (!wanted) return <div class="dots fillup"><Nothing title="Sound or film"><button class="btn" onClick={() => setWanted(true)}>Load {size === null ? 'it' : sized(size)} and play</button></Nothing></div>
  if (!src) return null
  const props = { src, controls: true, 'aria-label': nameOf(path), onError: () => setSilent(true) }
  return <div class="fillup art-media">{type!.startsWith('audio/') ? <audio {...props} /> : <video {...props} />}</div>
}
