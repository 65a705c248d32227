/** The place of a pane that another page brings, at the right of a seam that can be moved. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ComponentType } from 'preact'
import { Failure } from '../../core/api'
import type { Load, PaneProps } from '../../core/panes'
import { param, setQuery } from '../../core/router'
import { Failed } from '../../parts/states'

const LEAST = 20
const MOST = 80

export function PaneHost({ load, split, pane }: { load: Load; split: boolean; pane: PaneProps }) {
  const [Pane, setPane] = useState<ComponentType<PaneProps>>()
  const [error, setError] = useState<Error>()
  const box = useRef<HTMLDivElement>(null)
  const get = () => load(pane).then((module) => setPane(() => module.default), setError)
  useLayoutEffect(() => void get(), [load])
  const share = Math.min(MOST, Math.max(LEAST, Number(param('seam')) || 47))
  const place = (percent: number) => setQuery({ seam: String(Math.round(Math.min(MOST, Math.max(LEAST, percent)))) }, { replace: true })
  const move = (event: PointerEvent) => {
    if (!event.buttons) return
    const all = box.current!.parentElement!.getBoundingClientRect()
    place(((event.clientX - all.left) / all.width) * 100)
  }
  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key]
    if (step) { place(share + step); event.preventDefault(); event.stopPropagation() }
  }
  return (
    <>
      {split && <div class="seam" role="separator" tabIndex={0} aria-label="Between table and charts" aria-orientation="vertical" aria-valuenow={share} aria-valuemin={LEAST} aria-valuemax={MOST} onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)} onPointerMove={move} onKeyDown={press} />}
      <div ref={box} class="pane scroll dots" style={split ? { flex: `0 0 ${100 - share}%` } : undefined}>
        {error && <Failed what="The charts could not be loaded" error={new Failure(-1, 'PAGE', error.message)} still="The table works." retry={() => { setError(undefined); void get() }} />}
        {Pane && <Pane {...pane} />}
      </div>
    </>
  )
}
