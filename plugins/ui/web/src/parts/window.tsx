/** Long lists: only the rows in sight are made. All rows are of one height. */
import type { ComponentChildren, RefObject } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

export interface Window {
  first: number
  /** Behind the last one. */
  end: number
}

const OVER = 8

/** Which rows are in sight of a scrolling element; `top` px lie above the first row within it. `across`: which columns. */
export function useWindow(scroller: RefObject<HTMLElement | null>, count: number, height: number, top = 0, across = false): Window {
  // As many as the window has room for, before it is known what place there is within it.
  const [seen, setSeen] = useState<Window>(() => ({ first: 0, end: Math.min(count, Math.ceil((across ? innerWidth : innerHeight) / height)) }))
  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    const look = () => {
      const at = (across ? element.scrollLeft : element.scrollTop) - top
      const size = across ? element.clientWidth : element.clientHeight
      const first = Math.max(0, Math.floor(at / height) - OVER)
      const end = Math.min(count, Math.ceil((at + size) / height) + OVER)
      setSeen((now) => (now.first === first && now.end === end ? now : { first, end }))
    }
    look()
    element.addEventListener('scroll', look, { passive: true })
    const watch = new ResizeObserver(look)
    watch.observe(element)
    return () => {
      element.removeEventListener('scroll', look)
      watch.disconnect()
    }
  }, [count, height, top])
  return seen
}

/** Bring a row into sight, with a row of room, below a head that covers `head` px. */
export function reveal(element: HTMLElement | null, row: number, height: number, head = 0): void {
  if (!element) return
  const at = row * height
  const above = element.scrollTop
  const below = above + element.clientHeight - head - height
  if (at < above) element.scrollTop = at
  else if (at > below) element.scrollTop = at - (element.clientHeight - head) + height
}

/** Rows at their places in a box as high as all of them. `row` returns an element with `style.top` free. */
export function Rows({ window: seen, count, height, row }: { window: Window; count: number; height: number; row: (index: number, top: number) => ComponentChildren }) {
  const rows = []
  for (let index = seen.first; index < Math.min(seen.end, count); index++) rows.push(row(index, index * height))
  return <div role="rowgroup" class="rows" style={{ height: `${count * height}px` }}>{rows}</div>
}
