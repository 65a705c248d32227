/** The frame of all pages: the rail, the page of the address, and what floats above it. */
import { useEffect, useErrorBoundary, useLayoutEffect, useState } from 'preact/hooks'
import type { ComponentType } from 'preact'
import { Failure, pending, unknown } from '../core/api'
import { helpIsOpen, useKeys } from '../core/keys'
import { isOpen, useProvider } from '../core/palette'
import { find, hasRoute, loadNext, navigate, type PageProps, path, type Route } from '../core/router'
import { about, href } from '../core/root'
import { logOut } from '../core/session'
import { nextDensity, toggleTheme } from '../core/theme'
import { said, undoLast } from '../core/undo'
import { Bar } from './bar'
import { Foot } from './foot'
import { Help } from './help'
import { Icon, Logo } from './icon'
import { Palette } from './palette'
import { Failed, Nothing } from './states'

interface Place {
  title: string
  to: string
  key: string
  icon?: string
  /** The keys that go there. */
  keys?: string
}

const RAIL: readonly Place[] = [
  { key: 'runs', title: 'Runs', to: '/experiments/all', keys: 'g e' },
  { key: 'models', title: 'Models', to: '/models', keys: 'g m' },
  { key: 'prompts', title: 'Prompts', to: '/prompts', keys: 'g p' },
  { key: 'traces', title: 'Traces', to: '/traces', keys: 'g s' },
  { key: 'gateway', title: 'Gateway', to: '/gateway', keys: 'g y' },
  { key: 'recipes', title: 'Recipes', to: '/recipes' },
]

const SLOW_MS = 300

/** Where one can go from everywhere: only what is there, and is allowed. */
function places(): Place[] {
  const own = RAIL.filter((item) => hasRoute(item.to))
  const plugins = about.pages.map((page) => ({ key: `p:${page.key}`, title: page.title, to: `/p/${page.key}`, icon: page.icon || 'M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0' }))
  return [...own, ...plugins]
}

export function Shell() {
  useKeys('Everywhere', {
    'Mod+K': { does: 'Go to, or do', run: () => (isOpen.value = true), always: true, quiet: true },
    '?': { does: 'All keys', run: () => (helpIsOpen.value = true) },
    z: { does: 'Undo the last edit', run: undoLast, needs: !said.value?.undo && 'an edit of the last ten seconds' },
    'g o': { does: 'See what was just made', run: () => navigate(said.peek()?.to ?? '/'), needs: !said.value?.to && 'something just made' },
    d: { does: 'Row height: normal, compact, roomy', run: nextDensity },
    'Shift+D': { does: 'Dark or light', run: toggleTheme },
    'g h': { does: 'Home', run: () => navigate('/'), quiet: true },
    'g e': hasRoute('/experiments/all') ? { does: 'All runs', run: () => navigate('/experiments/all'), quiet: true } : undefined,
    'g m': hasRoute('/models') ? { does: 'Models', run: () => navigate('/models'), quiet: true } : undefined,
    'g p': hasRoute('/prompts') ? { does: 'Prompts', run: () => navigate('/prompts'), quiet: true } : undefined,
    'g y': hasRoute('/gateway') ? { does: 'Gateway', run: () => navigate('/gateway'), quiet: true } : undefined,
    'g s': hasRoute('/traces') ? { does: 'Traces', run: () => navigate('/traces'), quiet: true } : undefined,
  })
  useProvider(() => (about.user?.name ? [{ title: `Log out ${about.user.name}`, kind: 'do', run: () => void logOut() }] : []))
  useProvider((text, abort) => (about.user && text.trim().length > 1 ? import('./finder').then((module) => module.finder(text, abort)) : []))
  useProvider(() => [{ title: 'Home', to: '/', keys: 'g h' } as Place, ...places()].map(({ title, to, keys }) => ({ title, kind: 'go', keys, run: () => navigate(to) })))
  // Who is not known sees nothing but the way in.
  const found = about.user || path.value === '/login' ? find(path.value) : undefined
  useEffect(() => {
    if ((unknown.value || !about.user) && path.peek() !== '/login') {
      navigate(`/login?to=${encodeURIComponent(path.peek() + location.search)}`, { replace: true })
    }
  }, [unknown.value])
  return (
    <>
      <Rail on={path.value.startsWith('/p/') ? `p:${path.value.split('/')[2]}` : found?.route.rail} />
      <main id="main">
        <Wait />
        {found ? <Outlet route={found.route} params={found.params} /> : about.user && <Lost />}
      </main>
      <Palette />
      <Help />
    </>
  )
}

function Rail({ on = '' }: { on?: string }) {
  if (path.value === '/login') return <nav class="rail" aria-label="Main"><span class="logo"><Logo /></span></nav>
  return (
    <nav class="rail" aria-label="Main">
      <a class="logo" href={href('/')} aria-label="Home" aria-current={path.value === '/' ? 'page' : undefined}><Logo /><span class="tip">Home</span></a>
      {places().map((place) => (
        <a key={place.key} href={href(place.to)} class={place.key === on ? 'on' : ''} aria-label={place.title} aria-current={place.key === on ? 'page' : undefined}>
          <Icon name={place.key} d={place.icon} /><span class="tip">{place.title}</span>
        </a>
      ))}
      <span class="x" />
      {about.user?.name && <button aria-label={`Log out ${about.user.name}`} onClick={() => void logOut()}><Icon name="person" /><span class="tip">{about.user.name}: log out</span></button>}
      <button class="pal" aria-label="Go to, or do" onClick={() => (isOpen.value = true)}><Icon name="search" /><span class="tip">Go to</span></button>
    </nav>
  )
}

/** A bar of 2 px, once an answer takes long. */
function Wait() {
  const [slow, setSlow] = useState(false)
  const waits = pending.value > 0
  useEffect(() => {
    if (!waits) return setSlow(false)
    const timer = setTimeout(() => setSlow(true), SLOW_MS)
    return () => clearTimeout(timer)
  }, [waits])
  return slow ? <div class="wait" aria-hidden="true" /> : null
}

const loaded = new Map<Route, ComponentType<PageProps>>()

function Outlet({ route, params }: { route: Route; params: Record<string, string> }) {
  const [, renew] = useState(0)
  const [error, setError] = useState<Error>()
  const [broken, reset] = useErrorBoundary((found) => console.error(found))
  const Page = loaded.get(route)
  const load = () => {
    setError(undefined)
    route.load().then(
      (module) => {
        loaded.set(route, module.default)
        renew((n) => n + 1)
      },
      (found: Error) => setError(found),
    )
  }
  // Not a frame later, as an effect would.
  useLayoutEffect(() => {
    if (!loaded.has(route)) load()
    document.title = route.title ? `${route.title}, pegboard` : 'pegboard'
    if (broken) reset()
  }, [route])
  useEffect(() => (Page ? loadNext(route) : undefined), [Page])
  const failed = (broken as Error | undefined) ?? error
  if (failed)
    return (
      <>
        <Bar place={<h1>pegboard</h1>} />
        <div class="scroll dots">
          <Failed what="This page could not be shown" error={new Failure(-1, 'PAGE', failed.message)} still="All other pages work." retry={() => { reset(); load() }} />
        </div>
        <Foot />
      </>
    )
  return Page ? <Page params={params} /> : <><Bar place={<b>pegboard</b>} /><div class="scroll dots" /></>
}

function Lost() {
  return (
    <>
      <Bar place={<h1>pegboard</h1>} />
      <div class="scroll dots"><Nothing title="There is no such page">Go <a class="link" href={href('/')}>home</a>, or find it with the search at the bottom left.</Nothing></div>
      <Foot />
    </>
  )
}
