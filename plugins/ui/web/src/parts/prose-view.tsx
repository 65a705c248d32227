/** A text in markdown; the text itself until what draws it is loaded. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

type Prose = typeof import('./prose')
let loaded: Prose | undefined

export function Prose({ text, html = false }: { text: string; html?: boolean }) {
  const [prose, setProse] = useState(loaded)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!prose) void import('./prose').then((module) => setProse((loaded = module)), () => undefined)
  }, [])
  useLayoutEffect(() => {
    if (prose) box.current?.replaceChildren(html ? prose.harmless(text) : prose.markdown(text))
  }, [prose, text, html])
  return prose ? <div ref={box} class="prose" /> : <div class="prose raw">{html ? '' : text}</div>
}
