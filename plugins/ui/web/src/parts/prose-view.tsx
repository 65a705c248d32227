/** A text in markdown; the text itself until what draws it is loaded. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { plainParagraphs } from './plain'

type Prose = typeof import('./prose')
let loaded: Prose | undefined

export function Prose({ text, html = false }: { text: string; html?: boolean }) {
  const [prose, setProse] = useState(loaded)
  const box = useRef<HTMLDivElement>(null)
  const plain = html ? undefined : plainParagraphs(text)
  useEffect(() => {
    if (!prose && !plain) void import('./prose').then((module) => setProse((loaded = module)), () => undefined)
  }, [!plain])
  useLayoutEffect(() => {
    if (prose && !plain) box.current?.replaceChildren(html ? prose.harmless(text) : prose.markdown(text))
  }, [prose, text, html])
  if (plain) return <div class="prose">{plain.map((lines) => <p>{lines.map((line, i) => <>{i > 0 && <br />}{line}</>)}</p>)}</div>
  return prose ? <div ref={box} class="prose" /> : <div class="prose raw">{html ? '' : text}</div>
}
