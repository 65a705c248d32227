/** A plugin's page: its custom element, in a shadow root, with the server's data at hand. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { del, Failure, fetchRaw, get, patch, post, put } from '../../core/api'
import { watch } from '../../core/events'
import { navigate, type PageProps } from '../../core/router'
import { about, href, type PluginPage, root, sheets } from '../../core/root'
import { isDark, theme } from '../../core/theme'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Failed, Nothing } from '../../parts/states'
import './page.css'

const api = { get, post, put, patch, del, fetchRaw }

/** What an element of a plugin finds as `this.host`. */
export interface Host {
  api: typeof api
  theme: () => 'light' | 'dark'
  /** What follows /p/KEY/ in the address. */
  route: string
  navigate: typeof navigate
  events: typeof watch
}

/** What was thrown, whatever it is. */
const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

type Element = HTMLElement & { host?: Host }

export default function Plugin({ params }: PageProps) {
  const page = about.pages.find((each) => each.key === params.key)
  return (
    <>
      <Bar place={<h1>{page?.title ?? 'pegboard'}</h1>} />
      <div class="scroll dots">
        {page ? <Frame key={page.key} page={page} route={params.rest ?? ''} /> : <div><Nothing title={`No plugin has a page ${params.key}`} /></div>}
      </div>
      <Foot />
    </>
  )
}

function Frame({ page, route }: { page: PluginPage; route: string }) {
  const place = useRef<HTMLDivElement>(null)
  const element = useRef<Element | null>(null)
  const [error, setError] = useState<Error>()
  const [turn, setTurn] = useState(0)
  const name = `pegboard-page-${page.key}`
  useEffect(() => {
    setError(undefined)
    // Errors of its event handlers, and of what it does later, are the plugin's too.
    const own = `/p/${page.key}/assets/`
    const caught = (event: ErrorEvent) => event.filename.includes(own) && setError(asError(event.error))
    const rejected = (event: PromiseRejectionEvent) => asError(event.reason).stack?.includes(own) && setError(asError(event.reason))
    addEventListener('error', caught)
    addEventListener('unhandledrejection', rejected)
    mount().catch((found) => setError(asError(found)))
    return () => {
      removeEventListener('error', caught)
      removeEventListener('unhandledrejection', rejected)
      element.current?.remove()
    }
  }, [page.key, turn])
  useEffect(() => {
    if (element.current) element.current.host = host()
    element.current?.dispatchEvent(new CustomEvent('host', { detail: { theme: isDark() ? 'dark' : 'light', route } }))
  }, [route, theme.value])

  const host = (): Host => ({ api, theme: () => (isDark() ? 'dark' : 'light'), route, navigate, events: watch })

  async function mount(): Promise<void> {
    if (page.error) throw new Error(page.error)
    if (!customElements.get(name)) {
      const module = (await import(/* @vite-ignore */ new URL(page.module, root).href)) as { default: CustomElementConstructor }
      if (!customElements.get(name)) customElements.define(name, module.default)
    }
    if (!place.current) return
    const shadow = place.current.shadowRoot ?? place.current.attachShadow({ mode: 'open' })
    // The sheet of the page: type, tables and buttons look the same in there.
    if (!shadow.querySelector('link')) {
      for (const sheet of sheets) {
        const link = document.createElement('link')
        link.rel = 'stylesheet'
        link.href = sheet
        shadow.append(link)
      }
    }
    const made = document.createElement(name) as Element
    made.host = host()
    element.current = made
    shadow.append(made)
  }

  return (
    <>
      {error && <Failed what={`The page of the plugin ${page.title} failed`} error={new Failure(-1, 'PLUGIN', `${error.message}.`)} still="All other pages work." retry={() => setTurn((n) => n + 1)} />}
      <div ref={place} class={error ? 'hide' : 'plugin'} data-home={href('/')} />
    </>
  )
}
