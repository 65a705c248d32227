/** Parts that are loaded when they are first shown. */
import type { ComponentType } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Failure } from '../core/api'
import { useKeys } from '../core/keys'
import { Failed } from './states'

/**
 * A component that loads another one, and shows nothing until it is there. While a dialog or a menu is
 * waited for, the page and what is focused on it take no keys: what is typed already is meant for the
 * one that opens, and goes there.
 */
export function lazily<P extends object>(what: string, load: () => Promise<{ default: ComponentType<P> }>, isDialog = false): ComponentType<P> {
  let found: ComponentType<P> | undefined
  return function Lazy(props: P) {
    const [, renew] = useState(0)
    const [error, setError] = useState<Error>()
    const typed = useRef<string[]>([]).current
    const get = () => {
      setError(undefined)
      load().then(
        (module) => {
          found = module.default
          renew((n) => n + 1)
        },
        (broken: Error) => setError(broken),
      )
    }
    useLayoutEffect(() => {
      if (!found) get()
    }, [])
    const Found = found
    // What is shown takes the focus before this effect of what is around it.
    useLayoutEffect(() => {
      if (isDialog && Found) handAll([...typed.splice(0), ...carried.splice(0)])
    }, [Found])
    if (isDialog && !found && !error) return <Held what={what} typed={typed} />
    if (error) return <Failed what={`${what} could not be loaded`} error={new Failure(-1, 'PAGE', error.message)} retry={get} />
    return Found ? <Found {...props} /> : null
  }
}

/** Typed behind what chose an item of a menu: it is for what that opens in the next moment. */
const carried: string[] = []

function handAll(keys: string[]): void {
  for (let key = keys.shift(); key !== undefined; key = keys.shift()) {
    if (!hand(key)) continue
    carried.push(...keys)
    setTimeout(() => carried.splice(0), CARRY_MS)
    return
  }
}

const CARRY_MS = 100
const KEPT = /^(.|Enter|Arrow(Up|Down))$/u

function Held({ what, typed }: { what: string; typed: string[] }) {
  useKeys(what, {}, true)
  useLayoutEffect(() => {
    typed.push(...carried.splice(0))
    const keep = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !KEPT.test(event.key)) return
      typed.push(event.key)
      event.preventDefault()
      event.stopPropagation()
    }
    document.addEventListener('keydown', keep, true)
    return () => document.removeEventListener('keydown', keep, true)
  }, [])
  return null
}

/** Do with what has the focus as if the key were pressed now; return whether that chose an item of a menu. */
function hand(key: string): boolean {
  const at = document.activeElement
  const isText = at instanceof HTMLTextAreaElement || at instanceof HTMLInputElement
  if (key === 'Enter' && at instanceof HTMLElement && at.role?.startsWith('menuitem')) {
    at.click()
    return true
  }
  // As typed by hand: it can be undone, and whoever listens is told.
  if (isText && key.length === 1) document.execCommand('insertText', false, key)
  else if (at?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })) && key === 'Enter' && at instanceof HTMLInputElement) at.form?.requestSubmit()
  return false
}
