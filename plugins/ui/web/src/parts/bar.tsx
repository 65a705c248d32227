/** The bar at the top of a page: where one is, what is asked for, what lives. */
import type { ComponentChildren } from 'preact'
import { heard } from '../core/api'
import { Clock } from './time'
import { Peg } from './peg'

export interface BarProps {
  /** Where one is: names with links, the last one in <h1>. */
  place: ComponentChildren
  /** The filter, or whatever takes the room. */
  children?: ComponentChildren
  /** How many runs are live; undefined shows nothing. */
  live?: number
  /** Views, buttons. */
  right?: ComponentChildren
}

export function Bar({ place, children, live, right }: BarProps) {
  return (
    <header class="bar">
      <div class="place">{place}</div>
      {children ?? <span class="x" />}
      <Live count={live} />
      {right}
    </header>
  )
}

/** What is live, or when the server was last heard. */
export function Live({ count }: { count?: number }) {
  if (heard.value.gone)
    return (
      <div class="live warn" role="status">
        <Peg status="hidden" />
        <span class="nw">last heard <Clock at={heard.value.at} /></span>
      </div>
    )
  if (!count) return null
  return (
    <div class="live">
      <Peg status="running" slot={0} />
      {count} live
    </div>
  )
}

/** One of several views; `to` is an address, so that each has a link. */
export function Segments({ items, label }: { label: string; items: { title: string; to: string; on: boolean }[] }) {
  return (
    <nav class="seg" aria-label={label}>
      {items.map((item) => (
        <a key={item.title} href={item.to} class={item.on ? 'on' : ''} aria-current={item.on ? 'page' : undefined}>{item.title}</a>
      ))}
    </nav>
  )
}
