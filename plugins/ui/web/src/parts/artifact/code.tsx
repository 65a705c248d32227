/** Text with line numbers; in colours once they are loaded. */
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'

const MOST_COLOURED = 200_000
type Highlight = (text: string, language: string) => ComponentChildren
let loaded: Highlight | undefined

export function Code({ text, language = '', wrap = false, numbers = true, label = 'Text' }: { text: string; language?: string; wrap?: boolean; numbers?: boolean; label?: string }) {
  const [, renew] = useState(0)
  const colours = language !== '' && text.length <= MOST_COLOURED
  useEffect(() => {
    if (colours && !loaded) void import('./highlight').then((module) => { loaded = module.default; renew((n) => n + 1) }, () => undefined)
  }, [colours])
  const body = useMemo(() => (colours && loaded ? loaded(text, language) : text), [text, language, colours, loaded])
  const lines = useMemo(() => (numbers && !wrap ? text.replace(/\n$/, '').split('\n').length : 0), [text, numbers, wrap])
  return (
    <div class={`codes ${wrap ? 'wrap' : ''}`} tabIndex={0} role="region" aria-label={label}>
      {lines > 0 && <pre class="art-gutter" aria-hidden="true">{Array.from({ length: lines }, (_, i) => i + 1).join('\n')}</pre>}
      <pre>{body}</pre>
    </div>
  )
}
