/** Times with what machines read. */
import { signal } from '@preact/signals'
import { age, clock, iso, stamp } from '../core/times'

/** Now, renewed each 10 s while the page is seen, so that ages grow. */
export const now = signal(Date.now())
setInterval(() => {
  if (!document.hidden) now.value = Date.now()
}, 10_000)

export function Age({ at }: { at: number | null | undefined }) {
  if (!at) return <>–</>
  return <time dateTime={iso(at)} title={stamp(at)}>{age(at, now.value)}</time>
}

/** In a sentence: '2m ago', 'just now'. */
export function Ago({ at }: { at: number | null | undefined }) {
  if (!at) return <>at some time</>
  const told = age(at, now.value)
  return <time dateTime={iso(at)} title={stamp(at)}>{told === 'now' ? 'just now' : `${told} ago`}</time>
}

export function Clock({ at }: { at: number }) {
  return <time dateTime={iso(at)}>{clock(at)}</time>
}
