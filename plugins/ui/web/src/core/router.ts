/** The address is the state: path and query are signals, and all that a view depends on is in them. */
import { batch, computed, signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { get, heard, pending, post } from './api'
import { href, root } from './root'
import { refuse } from './undo'

export interface PageProps {
  params: Record<string, string>
}

export interface Route {
  /** '/experiments/:id'; ':rest*' takes all that follows. */
  path: string
  /** Loads the page when it is first needed; prefer `() => import('./page')`. */
  load: () => Promise<{ default: ComponentType<PageProps> }>
  /** Asks, with `ahead` of core/api, for what the page shows first while its code is on its way. */
  ahead?: (params: Record<string, string>) => void
  /** Where one goes from here: the code of these pages comes while this one is at rest. */
  next?: readonly string[]
  /** Which icon of the rail is marked. */
  rail?: string
  title?: string
}

const here = (): string => {
  const path = location.pathname
  // The root itself, without the slash at its end.
  if (`${path}/` === root.pathname) return '/'
  return path.startsWith(root.pathname) ? `/${path.slice(root.pathname.length)}` : path
}

/** The path below the root, decoded by nobody: '/models/a%20b'. */
export const path = signal(here())
const search = signal(location.search)

/** An address that is longer is kept on the server, and becomes '?v=HASH'. */
const LONGEST = 1500
/** What such addresses stand for: by hash, the whole query. */
const states = signal<ReadonlyMap<string, string>>(new Map())
let unnamed = 0

export const query = computed(() => {
  const given = new URLSearchParams(search.value)
  const hash = given.get('v')
  if (!hash) return given
  const known = states.value.get(hash)
  if (known === undefined) queueMicrotask(() => void recall(hash))
  return new URLSearchParams(known ?? '')
})

const learn = (hash: string, text: string): void => {
  states.value = new Map(states.peek()).set(hash, text)
}

async function recall(hash: string): Promise<void> {
  if (states.peek().has(hash)) return
  learn(hash, '')
  try {
    learn(hash, (await get<{ state: { query?: string } }>(`v/${encodeURIComponent(hash)}`)).state.query ?? '')
  } catch (error) {
    refuse('The view of this address is not known', error)
  }
}

/** Keep a long query on the server; the long address stays where that is refused. */
async function shorten(temporary: string, text: string): Promise<void> {
  const experiment = /^\/experiments\/(\d+)/.exec(here())?.[1]
  let short = text
  try {
    const { hash } = await post<{ hash: string }>('v', { state: { query: text }, ...(experiment && { experiment_id: experiment }) })
    learn(hash, text)
    short = `?v=${hash}`
  } catch {
    // Long is better than lost.
  }
  if (location.search !== `?v=${temporary}`) return
  history.replaceState(null, '', location.pathname + short)
  look()
}

/** One value of the query; '' if it is not there. Reading it in a component subscribes to it. */
export const param = (name: string): string => query.value.get(name) ?? ''

/** A list in the query, 'a,b'; commas within items are escaped by encodeURIComponent. */
export const listParam = (name: string): string[] => param(name).split(',').filter(Boolean).map(decodeURIComponent)
export const asList = (items: Iterable<string>): string =>
  [...items].map((item) => item.replace(/[%,]/g, encodeURIComponent)).join(',')

export interface Go {
  /** Replace the entry of the history; for what is not worth a step back, such as typing. */
  replace?: boolean
}

/** Go to an address below the root: '/runs/1?tab=metrics'. */
export function navigate(to: string, { replace = false }: Go = {}): void {
  let target = href(to)
  const mark = target.indexOf('?')
  const text = mark < 0 ? '' : target.slice(mark)
  if (text.length > LONGEST) {
    if (new URLSearchParams(text).toString() === query.peek().toString() && target.slice(0, mark) === location.pathname) return
    const temporary = `new-${++unnamed}`
    learn(temporary, text)
    target = `${target.slice(0, mark)}?v=${temporary}`
    void shorten(temporary, text)
  }
  if (target === location.pathname + location.search) return
  history[replace ? 'replaceState' : 'pushState'](null, '', target)
  look()
}

/** Change values of the query: '' or null removes one, all others stay. */
export function setQuery(patch: Record<string, string | null | undefined>, go: Go = {}): void {
  navigate(here() + withQuery(patch), go)
}

/** The query with some values changed, as '?a=b' or ''; for links. */
export function withQuery(patch: Record<string, string | null | undefined>): string {
  const next = new URLSearchParams(query.peek())
  for (const [name, value] of Object.entries(patch)) value ? next.set(name, value) : next.delete(name)
  return asSearch(next)
}

/** Values of a query as an address shows them: commas, slashes and colons stay readable. */
export function asSearch(values: URLSearchParams | Record<string, string>): string {
  const text = new URLSearchParams(values).toString().replace(/%2C/g, ',').replace(/%2F/g, '/').replace(/%3A/g, ':')
  return text && `?${text}`
}

function look(): void {
  const before = path.peek()
  batch(() => {
    path.value = here()
    search.value = location.search
  })
  if (path.peek() !== before) begin()
}

/** Ask for what the page of the address needs: before the page that was here is taken down, as that takes a while. */
export function begin(): void {
  const found = find(path.peek())
  // Its data first: a browser asks a server for a few things at a time.
  found?.route.ahead?.(found.params)
  found?.route.load().catch(() => undefined)
}

/** How long a page is quiet before code of others comes. */
const REST_MS = 1500

/** Load the code of the pages that one goes to from a page, once that is at rest; returns what calls it off. */
export function loadNext({ next = [] }: Route): () => void {
  if (!next.length || (navigator as { connection?: { saveData?: boolean } }).connection?.saveData) return () => undefined
  const look = () => {
    if (pending.peek() || document.hidden || Date.now() - heard.peek().at < REST_MS) timer = window.setTimeout(look, REST_MS)
    else for (const to of next) find(to)?.route.load().catch(() => undefined)
  }
  let timer = window.setTimeout(look, REST_MS)
  return () => clearTimeout(timer)
}

addEventListener('popstate', look)

/** Links to addresses of the page are followed without loading it anew. */
document.addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = (event.target as Element).closest?.('a[href]') as HTMLAnchorElement | null
  if (!link || link.target || link.hasAttribute('download')) return
  const url = new URL(link.href)
  if (url.origin !== root.origin || !url.pathname.startsWith(root.pathname)) return
  const to = `/${url.pathname.slice(root.pathname.length)}`
  if (!find(to)) return
  event.preventDefault()
  navigate(to + url.search)
})

/** The code of a page comes while the pointer, or the focus, is on its way to be used. */
for (const name of ['pointerover', 'focusin'])
  document.addEventListener(name, (event) => {
    const link = (event.target as Element).closest?.('a[href]') as HTMLAnchorElement | null
    if (!link?.href.startsWith(root.href)) return
    find(`/${link.href.slice(root.href.length).replace(/[?#].*/, '')}`)?.route.load().catch(() => undefined)
  })

const routes: (Route & { pattern: RegExp; names: string[] })[] = []

/** Take routes in; called by main.tsx for each pages/NAME/route.ts. */
export function register(found: Route[]): void {
  for (const route of found) {
    const names: string[] = []
    const pattern = route.path.replace(/\/:(\w+)(\*?)/g, (_, name: string, rest: string) => {
      names.push(name)
      return rest ? '(?:/(.*))?' : '/([^/]+)'
    })
    routes.push({ ...route, pattern: new RegExp(`^${pattern}/?$`), names })
  }
}

/** Which route an address belongs to, and the values of its names. */
export function find(to: string): { route: Route; params: Record<string, string> } | undefined {
  for (const route of routes) {
    const match = route.pattern.exec(to)
    if (match) {
      const params = Object.fromEntries(route.names.map((name, i) => [name, decode(match[i + 1] ?? '')]))
      return { route, params }
    }
  }
  return undefined
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Whether a page for a first part of the path is there, so that links to it make sense. */
export const hasRoute = (to: string): boolean => find(to) !== undefined
