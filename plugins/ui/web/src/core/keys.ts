/** One registry of keys: what the page listens to is what `?` lists. */
import { signal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { say } from './undo'

export interface Key {
  /** What it does, in a few words: 'Next row'. */
  does: string
  run: (event: KeyboardEvent) => void
  /** Works while a text is being typed too. */
  always?: boolean
  /** Not in the palette: movements and the like. */
  quiet?: boolean
  /** What is missing for it now: 'a picked run'. It is listed all the same, and says so when it is pressed. */
  needs?: string | false
}

/** By combination: 'j', 'Shift+D', 'Mod+K', 'g t' (one after the other), 'ArrowDown', 'Space'. */
export type Keys = Record<string, Key | undefined>

export interface Group {
  name: string
  keys: Keys
  /** While this group is there, no other is listened to (dialogs). */
  alone?: boolean
}

/** The groups that are listened to; the last one goes first. */
export const groups = signal<readonly Group[]>([])

/** Whether the list of all keys is shown. */
export const helpIsOpen = signal(false)

const CHAIN_MS = 1000
let before = ''
let beforeAt = 0

/** Listen while a component is there. Keys may close over its state: the latest are called. */
export function useKeys(name: string, keys: Keys, alone = false): void {
  const latest = useRef(keys)
  latest.current = keys
  const shown = Object.entries(keys).filter(([, key]) => key).map(([combination, key]) => `${combination} ${key?.does} ${key?.needs || ''}`)
  const own = useRef<Group | undefined>(undefined)
  // Before the page is painted: what is seen can be pressed.
  useLayoutEffect(() => {
    const stable: Keys = {}
    for (const [combination, key] of Object.entries(latest.current)) {
      if (key) stable[combination] = { ...key, run: (event) => latest.current[combination]?.run(event) }
    }
    const before = own.current
    const group = (own.current = { name, keys: stable, alone })
    // It keeps its place, so that a key that comes or goes takes none from another group.
    groups.value = before ? groups.peek().map((each) => (each === before ? group : each)) : [...groups.peek(), group]
  }, [name, shown.join('\n'), alone])
  useLayoutEffect(() => () => { groups.value = groups.peek().filter((each) => each !== own.current) }, [])
}

/** The combination of an event, as the registry names it. */
export function combinationOf(event: KeyboardEvent): string {
  // Keyboards that have one of these two keys only do the same with it.
  const name = event.key === ' ' ? 'Space' : event.key === 'Delete' ? 'Backspace' : event.key.length === 1 && (event.ctrlKey || event.metaKey) ? event.key.toUpperCase() : event.key
  const isLetter = /^[a-z]$/i.test(event.key)
  const parts = []
  if (event.ctrlKey || event.metaKey) parts.push('Mod')
  if (event.altKey) parts.push('Alt')
  // For signs the shift is part of the sign: '?' is '?', on every keyboard.
  if (event.shiftKey && (isLetter || event.key.length > 1)) parts.push('Shift')
  return [...parts, isLetter && event.shiftKey ? name.toUpperCase() : name].join('+')
}

function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement
  // Sliders and boxes to tick take no text.
  if (target instanceof HTMLInputElement) return !/^(range|checkbox|radio|button|submit)$/.test(target.type)
  return target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName)
}

const isTick = (target: HTMLElement): boolean => (target as HTMLInputElement).type === 'checkbox'

/** Arrows move a slider, or walk through its like, before they move anything on the page. */
function movesSlider(event: KeyboardEvent): boolean {
  const target = event.target
  return target instanceof HTMLInputElement && /^(range|radio)$/.test(target.type) && /^(Arrow|Home|End|Page)/.test(event.key)
}

function isControl(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement
  // With ctrl it is a key of the page, wherever the focus is.
  return (event.key === ' ' || event.key === 'Enter') && !event.ctrlKey && !event.metaKey && (/^(BUTTON|A|SUMMARY)$/.test(target.tagName) || isTick(target))
}

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing || isControl(event) || movesSlider(event)) return
  const combination = combinationOf(event)
  const chained = event.timeStamp - beforeAt < CHAIN_MS && before ? `${before} ${combination}` : ''
  const typing = isTyping(event)
  const listened = [...groups.peek()].reverse()
  const last = listened.findIndex((group) => group.alone)
  let lacking: Key | undefined
  for (const wanted of chained ? [chained, combination] : [combination]) {
    for (const group of last < 0 ? listened : listened.slice(0, last + 1)) {
      const key = group.keys[wanted]
      if (!key || (typing && !key.always)) continue
      if (key.needs) {
        // Another group may have a use for it.
        lacking ??= key
        continue
      }
      event.preventDefault()
      before = ''
      key.run(event)
      return
    }
  }
  if (lacking) say(lack(lacking))
  if (!typing && combination.length === 1) {
    before = combination
    beforeAt = event.timeStamp
  }
})

/** Why a key does nothing now. */
export const lack = (key: Key): string => `${key.does}: this needs ${key.needs || 'nothing'}`
