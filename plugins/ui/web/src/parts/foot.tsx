/** The line at the bottom of a page: what was said and can be undone, else what the page tells. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { href } from '../core/root'
import { said, undoLast } from '../core/undo'
import { helpIsOpen } from '../core/keys'

export function Foot({ children, right }: { children?: ComponentChildren; right?: ComponentChildren }) {
  return (
    <footer class="foot">
      <Undo />
      {/* Not shown while something is said, but there: what it listens to goes on. */}
      <span class={said.value ? 'under' : 'over'}>{children}</span>
      <span class="x" />
      {right}
      <button class="k" aria-label="Keys" title="All keys" onClick={() => (helpIsOpen.value = true)}>?</button>
    </footer>
  )
}

function Undo() {
  const [, tick] = useState(0)
  const entry = said.value
  useEffect(() => {
    if (!entry?.undo) return
    const timer = setInterval(() => tick((n) => n + 1), 1000)
    return () => clearInterval(timer)
  }, [entry])
  return (
    <span class="said" role="status">
      {entry && (
        <>
          <span class={entry.bad ? 'bad' : ''} title={entry.hint}>{entry.text}</span>
          {entry.hint && <span class="k"> {entry.hint}</span>}
          {entry.to && <>{' '}<a class="link" href={href(entry.to)}>see it<kbd>g o</kbd></a></>}
          {entry.undo && (
            <>
              {' '}<button class="w5" onClick={undoLast}>undo<kbd>z</kbd></button>
              <span class="k"> {Math.max(0, Math.ceil((entry.until - Date.now()) / 1000))} s</span>
            </>
          )}
        </>
      )}
    </span>
  )
}
