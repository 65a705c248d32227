/** Images: as large as there is room, or larger; and series of them, one for each step. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { count, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { param, setQuery } from '../../core/router'
import { stamp } from '../../core/times'
import { Nothing } from '../states'
import { type Frame, nameOf } from './kinds'
import { type Owner, previewUrl } from './source'

const ZOOMS = [1, 2, 4, 8]

/** One picture with a zoom; `src` is an address or data. */
export function Picture({ src, alt, wrong }: { src: string; alt: string; wrong?: ComponentChildren }) {
  const [zoom, setZoom] = useState(0)
  const [size, setSize] = useState<{ w: number; h: number }>()
  // Which one is broken: the news may come before an effect would run.
  const [broken, setBroken] = useState('')
  const closer = (by: number) => setZoom((now) => Math.min(ZOOMS.length, Math.max(0, now + by)))
  useKeys('Picture', {
    '+': { does: 'Larger', run: () => closer(1) },
    '-': { does: 'Smaller', run: () => closer(-1) },
    0: { does: 'As large as there is room', run: () => setZoom(0) },
  })
  if (broken === src) return <div class="dots fillup">{wrong ?? <Nothing title="This is no picture">The file is named as one, but its bytes are not.</Nothing>}</div>
  const scale = zoom && ZOOMS[zoom - 1]
  return (
    <>
      <div class={`art-picture ${zoom ? 'zoomed' : ''}`} tabIndex={0} role="region" aria-label="Picture">
        <img src={src} alt={alt} onLoad={(event) => setSize({ w: event.currentTarget.naturalWidth, h: event.currentTarget.naturalHeight })} onError={() => setBroken(src)} onClick={() => setZoom((now) => (now ? 0 : 2))}
          style={scale && size ? { width: `${size.w * scale}px`, height: `${size.h * scale}px` } : undefined} />
      </div>
      <div class="art-under">
        <span>{size ? `${count(size.w)} × ${count(size.h)}` : ''}{scale ? `, ${scale} : 1` : ''}</span>
        <span class="x" />
        <button class="btn flat" disabled={!zoom} onClick={() => closer(-1)}>smaller<kbd>-</kbd></button>
        <button class="btn flat" disabled={zoom === ZOOMS.length} onClick={() => closer(1)}>larger<kbd>+</kbd></button>
      </div>
    </>
  )
}

/** Pictures of one key, one for each step, behind a slider. */
export function Series({ owner, name, frames }: { owner: Owner; name: string; frames: readonly Frame[] }) {
  const wanted = param('step')
  const found = wanted === '' ? frames.length - 1 : frames.findIndex((frame) => frame.step >= Number(wanted))
  const at = found < 0 ? frames.length - 1 : found
  const frame = frames[at]!
  const go = (to: number) => setQuery({ step: String(frames[Math.min(frames.length - 1, Math.max(0, to))]!.step) }, { replace: true })
  useKeys(`Steps of ${name}`, {
    '[': at > 0 ? { does: 'Step before', run: () => go(at - 1) } : undefined,
    ']': at < frames.length - 1 ? { does: 'Next step', run: () => go(at + 1) } : undefined,
  })
  const ahead = useRef<HTMLImageElement | undefined>(undefined)
  useEffect(() => {
    // The next one is fetched while this one is looked at.
    const next = frames[at + 1]
    if (next) (ahead.current = new Image()).src = previewUrl(owner, next.path)
  }, [at])
  return (
    <>
      <div class="art-slide">
        <span class="m nw">step <b>{count(frame.step)}</b></span>
        <input type="range" min={0} max={frames.length - 1} value={at} aria-label={`Step of ${name}`} aria-valuetext={`step ${frame.step}`} onInput={(event) => go(Number(event.currentTarget.value))} />
        <span class="m i3 nw">{plural(frames.length, 'step')}, {stamp(frame.time)}</span>
      </div>
      <Picture src={previewUrl(owner, frame.path)} alt={`${name} at step ${frame.step}, ${nameOf(frame.path)}`} />
    </>
  )
}
