/** What changes on the server: one EventSource a tab, polling where it fails, nothing when hidden. */
import { useEffect, useRef } from 'preact/hooks'
import { heard, urlOf } from './api'

export interface Change {
  revision: number
  /** The ids of the runs that changed; null: too many to name, or nobody knows. */
  runs: string[] | null
}

const POLL_MS = 2000
const FAILURES = 2

const watchers = new Set<{ scope: string; told: (change: Change) => void }>()
let source: EventSource | undefined
let open = ''
let revision = 0
let failures = 0
let timer = 0

/**
 * Call a function when runs of a scope change: 'experiment:ID', 'run:ID' or 'all'; '' for never. With
 * 'models' it is called when the registry changes, which no page follows together with runs.
 */
export function useEvents(scope: string, told: (change: Change) => void): void {
  const latest = useRef(told)
  latest.current = told
  useEffect(() => (scope ? watch(scope, (change) => latest.current(change)) : undefined), [scope])
}

/** Ask again when the registry changes. */
export const useRegistry = (reload: () => void): void => useEvents('models', ({ runs }) => { if (!runs || runs.length) reload() })

export function watch(scope: string, told: (change: Change) => void): () => void {
  const watcher = { scope, told }
  watchers.add(watcher)
  queueMicrotask(connect)
  return () => {
    watchers.delete(watcher)
    queueMicrotask(connect)
  }
}

function connect(): void {
  const scopes = new Set([...watchers].map((watcher) => watcher.scope))
  const wanted = document.hidden || !scopes.size ? '' : scopes.size === 1 ? [...scopes][0]! : 'all'
  if (wanted === open) return
  close()
  open = wanted
  if (!wanted) return
  revision = 0
  begin()
}

function begin(): void {
  source = new EventSource(urlOf('events', { scope: open, since: revision || undefined }))
  const hear = (event: Event) => {
    const change = JSON.parse((event as MessageEvent<string>).data) as Change
    revision = change.revision
    heard.value = { at: Date.now(), gone: false }
    tell(change)
  }
  source.addEventListener('runs', hear)
  source.addEventListener('models', hear)
  source.onopen = () => {
    heard.value = { at: Date.now(), gone: false }
    if (failures) tell({ revision, runs: null })
    failures = 0
  }
  source.onerror = () => {
    failures++
    if (source?.readyState !== EventSource.CLOSED && failures < FAILURES) return
    source?.close()
    // Ask for what is on the screen, and for events again now and then.
    timer = window.setTimeout(() => {
      tell({ revision, runs: null })
      if (open) begin()
    }, POLL_MS)
  }
}

function close(): void {
  source?.close()
  source = undefined
  clearTimeout(timer)
}

function tell(change: Change): void {
  for (const watcher of watchers) watcher.told(change)
}

document.addEventListener('visibilitychange', () => {
  const wasHidden = !open
  connect()
  if (!document.hidden && wasHidden && watchers.size) tell({ revision, runs: null })
})
