/** JSON as a tree that unfolds: what is folded has no elements. */
import { useState } from 'preact/hooks'
import { plural } from '../../core/format'
import { Chevron } from '../icon'

const MOST = 200
const OPEN_DEPTH = 2

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const kind = (value: Json): string => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value)

export function JsonTree({ value }: { value: Json }) {
  return <div class="art-json" role="tree" aria-label="JSON" onKeyDown={walk}><Node name="" value={value} depth={0} /></div>
}

function Node({ name, value, depth }: { name: string; value: Json; depth: number }) {
  const entries = value !== null && typeof value === 'object' ? Object.entries(value) : undefined
  const [open, setOpen] = useState(depth < OPEN_DEPTH && (entries?.length ?? 0) <= 50)
  const [most, setMost] = useState(MOST)
  const title = name !== '' && <span class="key">{name}</span>
  if (!entries) return <div role="treeitem" tabIndex={-1} class={`art-leaf v-${kind(value)}`}>{title}<span class="val">{typeof value === 'string' ? value : String(value)}</span></div>
  const said = Array.isArray(value) ? plural(entries.length, 'item') : plural(entries.length, 'key')
  return (
    <div role="treeitem" aria-expanded={open} tabIndex={depth ? -1 : 0} onKeyDown={(event) => {
      if (event.target !== event.currentTarget) return
      if ((event.key === 'ArrowRight' && !open) || (event.key === 'ArrowLeft' && open) || event.key === 'Enter' || event.key === ' ') { setOpen(!open); event.preventDefault(); event.stopPropagation() }
    }}>
      <div class="art-twig" onClick={() => setOpen(!open)}><Chevron to={open ? 'down' : 'right'} />{title}<span class="i3">{said}</span></div>
      {open && (
        <div role="group">
          {entries.slice(0, most).map(([key, each]) => <Node key={key} name={key} value={each} depth={depth + 1} />)}
          {entries.length > most && <button class="btn flat" onClick={() => setMost((n) => n * 5)}>{plural(entries.length - most, 'more item')}</button>}
        </div>
      )}
    </div>
  )
}

/** Arrows go through what is seen. */
function walk(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!step) return
  const items = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role=treeitem]')]
  const next = items[items.indexOf(document.activeElement as HTMLElement) + step]
  if (next) { next.focus(); event.preventDefault() }
}
