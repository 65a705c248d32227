/** ⌘K: go anywhere, do anything, by name. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { groups, shown } from '../core/keys'
import { isOpen, type Item, providers, score } from '../core/palette'
import { Dialog } from './dialog'

const MOST = 40

/** What the keys of the page do, as commands. */
function commands(): Item[] {
  return groups.value.flatMap((group) =>
    Object.entries(group.keys).flatMap(([combination, key]) =>
      key && !key.quiet ? [{ title: key.does, kind: 'do', detail: group.name, keys: combination, run: () => key.run(new KeyboardEvent('keydown')) }] : [],
    ),
  )
}

export function Palette() {
  return isOpen.value ? <Open close={() => (isOpen.value = false)} /> : null
}

function Open({ close }: { close: () => void }) {
  // Taken before the dialog listens alone.
  const [does] = useState(commands)
  const [text, setText] = useState('')
  const [found, setFound] = useState<Item[]>([])
  const [at, setAt] = useState(0)
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const abort = new AbortController()
    const all: Item[][] = [does]
    const show = () => {
      if (abort.signal.aborted) return
      const ranked = all.flat().map((item) => [score(item.title, text), item] as const)
      setFound(ranked.filter(([rank]) => rank > 0).sort((a, b) => b[0] - a[0]).slice(0, MOST).map(([, item]) => item))
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
          <div key={`${item.kind} ${item.title} ${item.detail}`} id={`palette-${i}`} role="option" aria-selected={i === at} class={`m ${i === at ? 'at' : ''}`} onPointerMove={() => setAt(i)} onClick={() => take(item)}>
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
