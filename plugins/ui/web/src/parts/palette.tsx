/** ⌘K: go anywhere, do anything, by name. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { shown } from '../core/keylist'
import { groups, lack } from '../core/keys'
import { begun, isOpen, type Item, providers, rank } from '../core/palette'
import { say } from '../core/undo'
import { Dialog } from './dialog'

const MOST = 40
const MOST_CONTROLS = 400

/** What the keys of the page do, as commands; each once. */
function commands(): Item[] {
  const found = new Map<string, Item>()
  for (const group of [...groups.value].reverse()) {
    for (const [combination, key] of Object.entries(group.keys)) {
      if (!key || key.quiet || found.has(`${group.name} ${key.does}`)) continue
      const run = key.needs ? () => say(lack(key)) : () => key.run(new KeyboardEvent('keydown'))
      found.set(`${group.name} ${key.does}`, { title: key.does, kind: 'do', detail: key.needs ? `needs ${key.needs}` : group.name, keys: combination, needs: key.needs || undefined, run })
    }
  }
  return [...found.values()]
}

/** Buttons and links that the page shows: what can be pressed there can be found here. */
function controls(): Item[] {
  const found = new Map<string, Item>()
  for (const element of document.querySelectorAll<HTMLElement>('main :is(button, a[href], summary):not(:disabled)')) {
    // A button that names its key is among the commands.
    if (found.size >= MOST_CONTROLS || element.querySelector('kbd') || !element.checkVisibility()) continue
    const title = nameOf(element)
    const isLink = element.tagName === 'A'
    if (title && !found.has(title)) found.set(title, { title, kind: isLink ? 'go' : 'press', detail: 'on this page', run: () => { element.focus(); element.click() } })
  }
  return [...found.values()]
}

const nameOf = (element: HTMLElement): string =>
  (element.dataset.does ?? element.getAttribute('aria-label') ?? element.textContent ?? '').replace(/\s+/g, ' ').trim().slice(0, 120)

export function Palette() {
  return isOpen.value ? <Open close={() => (isOpen.value = false)} /> : null
}

function Open({ close }: { close: () => void }) {
  // Taken before the dialog listens alone.
  const [does] = useState(commands)
  const [there] = useState(controls)
  const [text, setText] = useState(() => begun.peek())
  useEffect(() => { begun.value = '' }, [])
  const [found, setFound] = useState<Item[]>([])
  const [at, setAt] = useState(0)
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const abort = new AbortController()
    // What is on the page anyway is only found, not listed.
    const all: Item[][] = text ? [does, there] : [does]
    const show = () => {
      if (abort.signal.aborted) return
      const ranked = all.flat().map((item) => [rank(item, text.trim()), item] as const)
      const sorted = ranked.filter(([value]) => value > 0).sort((a, b) => b[0] - a[0]).map(([, item]) => item)
      const seen = new Set<string>()
      const isNew = (item: Item) => !seen.has(`${item.kind} ${item.title} ${item.detail}`) && seen.add(`${item.kind} ${item.title} ${item.detail}`)
      setFound(sorted.filter(isNew).slice(0, MOST))
    }
    for (const provider of providers) {
      void Promise.resolve(provider(text, abort.signal)).then((items) => { all.unshift(items); show() }, () => undefined)
    }
    show()
    setAt(0)
    return () => abort.abort()
  }, [text])
  useEffect(() => list.current?.children[at]?.scrollIntoView({ block: 'nearest' }), [at])
  const take = (item?: Item) => {
    if (!item) return
    close()
    // The page gets its focus back first.
    queueMicrotask(item.run)
  }
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) setAt((found.length + at + step) % Math.max(1, found.length))
    else if (event.key === 'Enter') take(found[at])
    else return
    event.preventDefault()
  }
  return (
    <Dialog label="Go to" close={close} className="palette">
      <div class="ask">
        <input autofocus role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={found.length ? `palette-${at}` : undefined} aria-label="Go to, or do" placeholder="go to, or do" value={text} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={press} />
        <kbd>esc</kbd>
      </div>
      <div class="menu" role="listbox" id="palette-list" aria-label="Found" ref={list}>
        {found.map((item, i) => (
          <div key={`${item.kind} ${item.title} ${item.detail}`} id={`palette-${i}`} role="option" aria-selected={i === at} class={`m ${i === at ? 'at' : ''} ${item.needs ? 'i3' : ''}`} onPointerMove={() => setAt(i)} onClick={() => take(item)}>
            <span class="kind">{item.kind}</span>
            <span class="cut">{item.title}</span>
            <span class="detail cut">{item.detail}</span>
            {item.keys && <kbd>{shown(item.keys)}</kbd>}
          </div>
        ))}
        {!found.length && <div class="h">nothing of that name</div>}
      </div>
    </Dialog>
  )
}
