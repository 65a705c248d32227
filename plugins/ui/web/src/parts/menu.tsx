/** What floats beside an element: menus and small panels, on the browser's own popover. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { useKeys } from '../core/keys'

export interface FloatProps {
  /** What it stands below, or the point it stands at. */
  at: Element | { x: number; y: number }
  close: () => void
  label: string
  role?: 'menu' | 'dialog'
  className?: string
  children: ComponentChildren
}

const GAP = 2

export function Float({ at, close, label, role = 'menu', className = 'menu', children }: FloatProps) {
  const box = useRef<HTMLDivElement>(null)
  useKeys(label, { Escape: { does: 'Close', run: close, always: true, quiet: true } }, true)
  useLayoutEffect(() => {
    const element = box.current!
    const before = document.activeElement as HTMLElement | null
    element.showPopover()
    const place = at instanceof Element ? at.getBoundingClientRect() : { left: at.x, right: at.x, top: at.y, bottom: at.y }
    const size = element.getBoundingClientRect()
    const below = place.bottom + GAP + size.height <= innerHeight - 8 || place.top < size.height
    element.style.left = `${Math.max(8, Math.min(place.left, innerWidth - size.width - 8))}px`
    element.style.top = `${Math.max(8, below ? Math.min(place.bottom + GAP, innerHeight - size.height - 8) : place.top - size.height - GAP)}px`
    const outside = (event: PointerEvent) => !element.contains(event.target as Node) && close()
    // Not by the press that opened it.
    const timer = setTimeout(() => document.addEventListener('pointerdown', outside, true))
    const first = element.querySelector<HTMLElement>('input, [role^=menuitem], button, a')
    first?.focus()
    return () => {
      clearTimeout(timer)
      document.removeEventListener('pointerdown', outside, true)
      if (element.contains(document.activeElement) || document.activeElement === document.body) before?.focus?.()
    }
  }, [at])
  return (
    <div ref={box} popover="manual" role={role} aria-label={label} class={className} onKeyDown={(event) => role === 'menu' && walk(event)}>
      {children}
    </div>
  )
}

/** Arrow keys walk through the items; letters jump to the next that begins with them. */
function walk(event: KeyboardEvent): void {
  const box = event.currentTarget as HTMLElement
  const items = [...box.querySelectorAll<HTMLElement>('[role^=menuitem]')]
  const now = items.indexOf(document.activeElement as HTMLElement)
  let next = -1
  if (event.key === 'ArrowDown') next = (now + 1) % items.length
  else if (event.key === 'ArrowUp') next = (now - 1 + items.length) % items.length
  else if (event.key === 'Home') next = 0
  else if (event.key === 'End') next = items.length - 1
  else if (event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const begins = (item: HTMLElement) => item.textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase())
    const after = items.findIndex((item, i) => i > now && begins(item))
    next = after < 0 ? items.findIndex(begins) : after
  }
  if (next < 0) return
  event.preventDefault()
  event.stopPropagation()
  items[next]?.focus()
}

export function MenuItem({ does, children, keys, checked, detail }: { does: () => void; children: ComponentChildren; keys?: string; checked?: boolean; detail?: ComponentChildren }) {
  return (
    <button role={checked === undefined ? 'menuitem' : 'menuitemcheckbox'} aria-checked={checked} onClick={does}>
      {children}
      {checked && <span class="detail">on</span>}
      {detail && <span class="detail">{detail}</span>}
      {keys && <kbd class="detail">{keys}</kbd>}
    </button>
  )
}
