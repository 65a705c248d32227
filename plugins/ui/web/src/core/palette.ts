/** What ⌘K finds: pages, commands (from the keys), and whatever pages add. */
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

export interface Item {
  title: string
  /** What kind of thing it is: 'run', 'model', 'do', 'go'. */
  kind: string
  detail?: string
  /** The combination of keys that does the same. */
  keys?: string
  /** Other words that find it: 'color'. */
  also?: string
  /** Why it does nothing now; it stands behind what does something. */
  needs?: string
  run: () => void
}

/** Finds items for a text; may ask the server. Called for each change of the text. */
export type Provider = (text: string, abort: AbortSignal) => Item[] | Promise<Item[]>

export const isOpen = signal(false)
/** What it begins with when it is opened. */
export const begun = signal('')

/** Open it with the beginning of what may be asked. */
export function ask(text: string): void {
  begun.value = text
  isOpen.value = true
}

export const providers = new Set<Provider>()

export function provide(provider: Provider): () => void {
  providers.add(provider)
  return () => providers.delete(provider)
}

/** Add to the palette while a component is there. */
export function useProvider(provider: Provider, deps: unknown[] = []): void {
  useEffect(() => provide(provider), deps)
}

/** How well a text finds an item: 0 not, higher is better. */
export const rank = (item: Item, text: string): number => {
  const best = Math.max(score(item.title, text), item.also ? score(item.also, text) : 0)
  return best && item.needs ? 0.5 : best
}

/** How well a text matches a title: 0 not, higher is better. Letters may be apart. */
export function score(title: string, text: string): number {
  if (!text) return 1
  const whole = title.toLowerCase()
  const sought = text.toLowerCase()
  const at = whole.indexOf(sought)
  if (at === 0) return 4
  if (at > 0) return /\W|_/.test(whole[at - 1] ?? '') ? 3 : 2
  if (sought.split(/\s+/).every((word) => whole.includes(word))) return 2
  let from = 0
  for (const letter of sought) {
    from = whole.indexOf(letter, from) + 1
    if (!from) return 0
  }
  return 1
}
