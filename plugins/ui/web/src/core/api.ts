/** Requests to the server: relative to the root, with ETags, and errors that are fit to be shown. */
import { signal } from '@preact/signals'
import { root } from './root'

/** What went wrong: the server's words, what to do next, and where to look for it in its log. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint = '',
    readonly requestId = '',
    /** The column of the wrong token in a filter, from 0; undefined if that is not known. */
    readonly position?: number,
  ) {
    super(message)
  }

  /** The server did not answer at all. */
  get isGone(): boolean {
    return this.status === 0
  }
}

export type Value = string | number | boolean | null | undefined
export type Params = Record<string, Value | readonly (string | number)[]>

const API = 'api/pegboard/1.0/'
/** How many answers are remembered, for their ETag and to be shown at once. */
const REMEMBERED = 200

interface Kept {
  tag: string
  data: unknown
}

const memory = new Map<string, Kept>()

/** How many requests are on their way; a bar tells if that takes long. */
export const pending = signal(0)
/** When the server was last heard (ms), and whether it is silent now. */
export const heard = signal({ at: Date.now(), gone: false })
/** Whether the server wants to know who looks. */
export const unknown = signal(false)

/** The address of a path: below API, or, with a slash before it, below the root. */
export function urlOf(path: string, params: Params = {}): string {
  const url = new URL(path.startsWith('/') ? path.slice(1) : API + path, root)
  // Apart from the address, which each addition would write anew: a hundred runs are a hundred parameters.
  const query = new URLSearchParams(url.search)
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === '') continue
    if (Array.isArray(value)) for (const item of value) query.append(name, String(item))
    else query.set(name, String(value))
  }
  url.search = query.toString()
  return url.href
}

/** What the same request answered last time, to be shown until the new answer is here. */
export const remembered = <T>(path: string, params?: Params): T | undefined =>
  memory.get(urlOf(path, params))?.data as T | undefined

/** Ask for JSON. The same object comes back while the server says that nothing changed. */
export async function get<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  const url = urlOf(path, params)
  const kept = memory.get(url)
  const answer = await send(url, { signal, headers: kept?.tag ? { 'If-None-Match': kept.tag } : {}, cache: 'no-store' })
  if (answer.status === 304 && kept) {
    keep(url, kept)
    return kept.data as T
  }
  const data = await json(answer)
  keep(url, { tag: answer.headers.get('etag') ?? '', data })
  return data as T
}

interface Flight {
  users: number
  abort: AbortController
  answer: Promise<unknown>
  /** The timer of one that nobody has taken yet. */
  early: number
  land: () => void
}

const flying = new Map<string, Flight>()
/** How long an answer waits for the part of the page that is going to ask for it. */
const EARLY_MS = 3000

function fly(url: string, path: string, params: Params | undefined, early: boolean): Flight {
  const abort = new AbortController()
  const land = () => { if (flying.get(url) === one) flying.delete(url) }
  const one: Flight = { users: 0, abort, answer: get(path, params, abort.signal), early: early ? window.setTimeout(land, EARLY_MS) : 0, land }
  flying.set(url, one)
  const done = () => { if (!one.early) land() }
  one.answer.then(done, done)
  return one
}

/** Ask for what a part of the page, whose code is on its way, is going to ask for with `shared`. */
export function ahead(path: string, params?: Params): void {
  const url = urlOf(path, params)
  if (!flying.has(url)) fly(url, path, params, true)
}

/** As `get`, but what several ask for at the same time is asked for once. */
export function shared<T>(path: string, params: Params | undefined, signal: AbortSignal): Promise<T> {
  const url = urlOf(path, params)
  const mine = flying.get(url) ?? fly(url, path, params, false)
  if (mine.early) {
    clearTimeout(mine.early)
    mine.early = 0
    mine.answer.then(mine.land, mine.land)
  }
  mine.users++
  // Given up when the last one has.
  signal.addEventListener('abort', () => {
    if (--mine.users) return
    mine.abort.abort()
    mine.land()
  })
  return mine.answer as Promise<T>
}

type Headers = Record<string, string>

/** Change something; `headers` say what the body does not, such as why. */
export const post = <T>(path: string, body: unknown = {}, headers?: Headers): Promise<T> => change('POST', path, body, headers)
export const put = <T>(path: string, body: unknown = {}, headers?: Headers): Promise<T> => change('PUT', path, body, headers)
export const patch = <T>(path: string, body: unknown = {}, headers?: Headers): Promise<T> => change('PATCH', path, body, headers)
export const del = <T>(path: string, body: unknown = {}, headers?: Headers): Promise<T> => change('DELETE', path, body, headers)

/** The whole answer, for what is not JSON; Failure unless its status is 2xx or 3xx. */
export const fetchRaw = (path: string, params?: Params, init: RequestInit = {}): Promise<Response> =>
  send(urlOf(path, params), init)

async function change<T>(method: string, path: string, body: unknown, more: Headers = {}): Promise<T> {
  const headers = { 'Content-Type': 'application/json', ...more }
  const answer = await send(urlOf(path), { method, headers, body: JSON.stringify(body) })
  return (await json(answer)) as T
}

async function send(url: string, init: RequestInit): Promise<Response> {
  pending.value++
  try {
    // The header tells the server to answer 401 without a dialog of the browser.
    const headers = { ...init.headers, 'X-Requested-With': 'pegboard' }
    const answer = await fetch(url, { ...init, headers, credentials: 'same-origin' })
    heard.value = { at: Date.now(), gone: false }
    if (answer.ok || answer.status === 304) return answer
    throw await failure(answer)
  } catch (error) {
    if (error instanceof Failure || (error as Error).name === 'AbortError') throw error
    heard.value = { ...heard.peek(), gone: true }
    throw new Failure(0, 'GONE', 'The server does not answer.', 'It is asked again by itself.')
  } finally {
    pending.value--
  }
}

async function json(answer: Response): Promise<unknown> {
  const text = await answer.text()
  return text ? JSON.parse(text) : {}
}

async function failure(answer: Response): Promise<Failure> {
  const id = answer.headers.get('x-request-id') ?? ''
  let said: { error_code?: string; message?: string; hint?: string; position?: number; pegboard?: { message?: string; hint?: string } } = {}
  try {
    said = JSON.parse(await answer.text())
  } catch {
    // A proxy in front answered with something else.
  }
  if (answer.status === 401) unknown.value = true
  const [message, ...rest] = (said.pegboard?.message ?? said.message ?? `The server answered with status ${answer.status}.`).split('\n')
  const hint = said.hint ?? said.pegboard?.hint ?? rest.join(' ')
  return new Failure(answer.status, said.error_code ?? '', message ?? '', hint, id, said.position)
}

function keep(url: string, kept: Kept): void {
  memory.delete(url)
  memory.set(url, kept)
  if (memory.size > REMEMBERED) memory.delete(memory.keys().next().value as string)
}

export { type Num, num } from './num'
