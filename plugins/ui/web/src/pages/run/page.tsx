/** The page of a run. */
import { useEffect, useState } from 'preact/hooks'
import { copy } from '../../core/copy'
import { bytes, count } from '../../core/format'
import { useKeys } from '../../core/keys'
import { type Item, score, useProvider } from '../../core/palette'
import { give, hueToken, shapeOf, slotOf } from '../../core/pegs'
import { asSearch, hasRoute, navigate, type PageProps, param, withQuery } from '../../core/router'
import { address, href, may } from '../../core/root'
import { colour } from '../../core/theme'
import { told } from '../../core/told'
import { refuse, say } from '../../core/undo'
import { useColours } from '../../parts/colours'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Chevron } from '../../parts/icon'
import { lazily } from '../../parts/lazy'
import { Float, MenuItem } from '../../parts/menu'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import { editTag, end, rename, setDeleted } from './edits'
import { hasRecipe, isEvaluated, isLeft, isLive, isSystem, lastPoint, type Overview as Run, projectKind } from './data'
import { Rename, Tag } from './dialogs'
import { beginNote } from './drafts'
import { Head } from './head'
import Overview from './overview'
import { EASED, smoother, smoothness } from './smooth'
import { sweepOf } from './trials'
import { neighbour, useRun, useTraceCount } from './use'
import './page.css'

const Metrics = lazily('The metrics', () => import('./metrics'))
const Artifacts = lazily('The artifacts', () => import('./artifacts'))
const Traces = lazily('The traces', () => import('./traces'))
const Code = lazily('The code', () => import('./code'))
const Children = lazily('The runs below', () => import('./children'))
const SOON_MS = 800
const Register = lazily('The form', () => import('./register'), true)

const TABS = ['overview', 'metrics', 'system', 'artifacts', 'traces', 'code', 'children'] as const
type Tab = (typeof TABS)[number]
const titled = (tab: Tab, run?: Run): string => tab === 'children' && run && sweepOf(run) ? 'Trials' : tab[0]!.toUpperCase() + tab.slice(1)

export default function RunPage({ params }: PageProps) {
  return <Room key={params.id} id={params.id ?? ''} />
}

/** Where one is while the run is asked for, as far as a table has told. */
function Place({ id }: { id: string }) {
  const known = told(id)
  return known?.name ? <h1 class="nm"><Peg run={id} status={known.status} /><span class="cut">{known.name}</span></h1> : <h1>run <span class="i3">{id.slice(0, 8)}</span></h1>
}

interface Patch {
  name?: string
  deleted?: boolean
  status?: string
  tags?: Record<string, string | undefined>
}

/** What was edited here is shown at once, until an answer that can know of it. */
function usePatch(run: Run | undefined): [Run | undefined, (patch: Patch) => void] {
  const [patch, setPatch] = useState<{ at: number; patch: Patch }>()
  useEffect(() => { if (patch && Date.now() - patch.at > 300) setPatch(undefined) }, [run])
  const show = (more: Patch) => setPatch((now) => ({ at: Date.now(), patch: { ...now?.patch, ...more, tags: { ...now?.patch.tags, ...more.tags } } }))
  if (!run || !patch) return [run, show]
  const { name, deleted, status, tags } = patch.patch
  const merged: Record<string, string> = { ...run.tags }
  for (const [key, value] of Object.entries(tags ?? {})) {
    if (value === undefined) delete merged[key]
    else merged[key] = value
  }
  return [{ ...run, tags: merged, info: { ...run.info, name: name ?? run.info.name, deleted: deleted ?? run.info.deleted, status: status ?? run.info.status } }, show]
}

type Open = 'rename' | 'tag' | 'register' | undefined

function Room({ id }: { id: string }) {
  const found = useRun(id)
  const [run, show] = usePatch(found.data)
  const tab = (TABS.includes(param('tab') as Tab) ? param('tab') : 'overview') as Tab
  const [menu, setMenu] = useState<Element>()
  const [open, setOpen] = useState<Open>()
  const [from, setFrom] = useState<string>()
  const reference = run?.compare?.run_id
  const seen = useSeen(run !== undefined)
  useEffect(() => { give([id]) }, [id])
  useColours(run?.info.experiment_id ?? '')
  useMark(run)
  const done = () => found.reload()
  const go = (to: Tab) => navigate(`/runs/${id}${tabQuery(to)}`)
  const compare = run && reference && hasRoute('/compare') ? () => navigate(`/compare${asSearch({ runs: `${id},${reference}` })}`) : undefined
  const beside = async (step: 1 | -1) => {
    if (!run) return
    try {
      const next = await neighbour(run, step)
      if (next) navigate(`/runs/${next.id}${tabQuery(tab)}`)
      else say(step > 0 ? 'this is the first run of the experiment' : 'this is the last run of the experiment')
    } catch (error) {
      refuse('no other run', error)
    }
  }
  const kind = run ? projectKind(run) : ''
  const canRegister = run !== undefined && may('write') && !run.info.deleted
  const tag = (key: string, value: string | undefined) => run && void editTag(run, key, value, (tags) => show({ tags })).then(done)
  const remove = () => run && void setDeleted(run, !run.info.deleted, (deleted) => show({ deleted })).then(done)
  // There before it is asked for: who presses the key types on at once.
  useEffect(() => {
    if (!canRegister) return
    const timer = setTimeout(() => void import('./register').catch(() => undefined), SOON_MS)
    return () => clearTimeout(timer)
  }, [canRegister])
  const registerFrom = (path?: string) => { setFrom(path); setOpen('register') }
  useKeys('Run', {
    ...Object.fromEntries(TABS.map((each, i) => [String(i + 1), { does: titled(each, run), run: () => go(each), quiet: each === tab }])),
    '[': run && { does: 'Run before', run: () => void beside(1) },
    ']': run && { does: 'Next run', run: () => void beside(-1) },
    c: compare && { does: `Compare with ${run!.compare!.name}`, run: compare },
    'g v': run && isEvaluated(run) ? { does: 'Its evaluation, row by row', run: () => navigate(`/evaluate?runs=${id}`) } : undefined,
    'g r': run && hasRecipe(run) ? { does: 'The recipe that made it', run: () => navigate(`/recipes/${id}`) } : undefined,
    'g w': kind ? { does: kind === 'workflow' ? 'The steps of the workflow' : 'What the project prints', run: () => navigate(`/projects/${id}`) } : undefined,
    m: canRegister ? { does: 'Register a model', run: () => registerFrom() } : undefined,
    e: run && may('write') && tab !== 'overview' ? { does: 'Write a note', run: () => { beginNote(run); go('overview') } } : undefined,
    t: run && may('write') ? { does: 'Tag the run', run: () => setOpen('tag') } : undefined,
    n: run && may('write') ? { does: 'Rename the run', run: () => setOpen('rename') } : undefined,
    i: run && { does: 'Copy the id of the run', run: () => void copy(id, 'id copied') },
    u: run && { does: 'To its experiment', run: () => navigate(`/experiments/${run.info.experiment_id}`) },
    Backspace: run && may('delete') ? { does: run.info.deleted ? 'Restore the run' : 'Delete the run', run: remove } : undefined,
  })
  const counts = useCounts(run)
  useProvider((text) => (run && text ? named(run, text, (query) => navigate(`/runs/${id}${asSearch(query)}`)) : []), [run])
  if (!run) {
    return (
      <>
        <Bar place={<Place id={id} />} />
        <div class="scroll dots">
          {found.error && (found.error.status === 404 ? <Nothing title="There is no such run">It is gone for ever, or it is in another store than <span class="m">{address()}</span>. <a class="link" href={href('/experiments/all')}>All runs</a></Nothing> : <Failed what="The run could not be read" error={found.error} retry={found.reload} />)}
        </div>
        <Foot />
      </>
    )
  }
  const live = isLive(run.info.status)
  const last = lastPoint(run)
  return (
    <>
      <Bar
        place={<><a class="i3" href={href(`/experiments/${run.info.experiment_id}`)} title={run.info.experiment}>{run.info.experiment}</a><span class="sep">/</span><button aria-haspopup="menu" aria-label={`${run.info.name}: menu`} onClick={(event) => setMenu(event.currentTarget)}><span class="cut">{run.info.name}</span><Chevron /></button></>}
        right={
          <>
            {last > 0 && live && <span class="m i3 nw last">last point <Age at={last} /> ago</span>}
            {compare && <a class="btn flat" href={href(`/compare${asSearch({ runs: `${id},${reference}` })}`)}>compare<kbd>c</kbd></a>}
            {isEvaluated(run) && <a class="btn flat" href={href(`/evaluate?runs=${id}`)}>evaluation<kbd>g v</kbd></a>}
            {hasRecipe(run) && <a class="btn flat" href={href(`/recipes/${id}`)}>recipe<kbd>g r</kbd></a>}
            {kind && <a class="btn flat" href={href(`/projects/${id}`)}>{kind}<kbd>g w</kbd></a>}
            {canRegister && <button class="btn flat" onClick={() => registerFrom()}>register<kbd>m</kbd></button>}
            {run.info.deleted && may('delete') && <button class="btn" onClick={remove}>Restore</button>}
          </>
        }
      />
      {found.error && <Failed what="The run could not be read again" error={found.error} still="What is shown is what was read before." retry={found.reload} />}
      <div class="run-page">
        <Head run={run} compact={tab !== 'overview'} />
        <nav class="tabs" aria-label="Parts of the run">
          {TABS.map((each) => (
            <a key={each} href={href(`/runs/${id}`) + tabQuery(each)} class={each === tab ? 'on' : ''} aria-current={each === tab ? 'page' : undefined}>{titled(each, run)}{counts[each] !== undefined && <> <span class="m">{counts[each]}</span></>}</a>
          ))}
        </nav>
        {seen && tab === 'overview' && <Overview run={run} turn={found.turn} show={(tags) => show({ tags })} done={done} tagging={() => setOpen('tag')} untag={(key) => tag(key, undefined)} />}
        {seen && (tab === 'metrics' || tab === 'system') && <Metrics key={tab} run={run} system={tab === 'system'} turn={found.turn} />}
        {seen && tab === 'artifacts' && <Artifacts run={run} turn={found.turn} register={canRegister ? registerFrom : undefined} />}
        {seen && tab === 'traces' && <Traces run={run} turn={found.turn} />}
        {seen && tab === 'code' && <Code run={run} />}
        {seen && tab === 'children' && <Children run={run} turn={found.turn} />}
      </div>
      <Foot right={<button class="k2 k" title="Copy the id (i)" onClick={() => void copy(id, 'id copied')}>{id}</button>}><span class="acts"><button onClick={() => void beside(1)}>run before<kbd>[</kbd></button><button onClick={() => void beside(-1)}>next run<kbd>]</kbd></button>{tab === 'overview' && <button class="k2" title="The true curve stays behind the smooth one" onClick={() => smoother(EASED)}>smooth {smoothness(EASED) === '0' ? 'off' : smoothness(EASED)}<kbd>s</kbd></button>}</span></Foot>
      {menu && (
        <Float at={menu} close={() => setMenu(undefined)} label="Run">
          {(close => (
            <>
              <MenuItem keys="i" does={close(() => void copy(id, 'id copied'))}>Copy the id</MenuItem>
              <MenuItem does={close(() => void copy(run.info.artifact_uri, 'address copied'))}>Copy the address of its files</MenuItem>
              <MenuItem keys="[" does={close(() => void beside(1))}>Run before</MenuItem>
              <MenuItem keys="]" does={close(() => void beside(-1))}>Next run</MenuItem>
              {may('write') && <><hr /><MenuItem keys="n" does={close(() => setOpen('rename'))}>Rename</MenuItem><MenuItem keys="t" does={close(() => setOpen('tag'))}>Tag</MenuItem></>}
              {may('write') && isLeft(run, Date.now()) && (['FINISHED', 'KILLED'] as const).map((status) => <MenuItem key={status} does={close(() => void end(run, status, (shown) => show({ status: shown })).then(done))}>Mark as {status.toLowerCase()}</MenuItem>)}
              {may('delete') && <MenuItem keys="del" does={close(remove)}>{run.info.deleted ? 'Restore' : 'Delete'}</MenuItem>}
            </>
          ))((does: () => void) => () => { setMenu(undefined); does() })}
        </Float>
      )}
      {open === 'rename' && <Rename run={run} close={() => setOpen(undefined)} does={(name) => void rename(run, name, (shown) => show({ name: shown })).then(done)} />}
      {open === 'tag' && <Tag run={run} close={() => setOpen(undefined)} does={tag} />}
      {open === 'register' && <Register run={run} path={from} close={() => setOpen(undefined)} done={done} />}
    </>
  )
}

/** Its metrics and newest files, for the palette. */
const named = (run: Run, text: string, go: (query: Record<string, string>) => void): Item[] => [
  ...Object.keys(run.metrics).filter((key) => score(key, text)).slice(0, 50).map((key) => ({ title: key, kind: 'metric', run: () => go({ tab: isSystem(key) ? 'system' : 'metrics', as: 'table', key }) })),
  ...(run.artifacts.all?.newest ?? []).filter((file) => !file.is_dir && score(file.path, text)).map((file) => ({ title: file.path, kind: 'file', run: () => go({ tab: 'artifacts', path: file.path }) })),
]

/** The address of a tab: what belongs to another one is left behind. */
const tabQuery = (tab: Tab): string =>
  withQuery({ tab: tab === 'overview' ? null : tab, path: null, model: null, series: null, open: null, folded: null, row: null, step: null, key: null, find: null, as: null, q: null })

function useCounts(run: Run | undefined): Partial<Record<Tab, string>> {
  const traces = useTraceCount(run)
  if (!run) return {}
  const system = Object.keys(run.metrics).filter(isSystem).length
  const all = run.artifacts.all
  const models = run.models.filter((model) => model.role === 'output').length
  return {
    metrics: count(Object.keys(run.metrics).length - system), system: count(system), traces,
    artifacts: all ? `${count(all.count)}${all.cut ? '+' : ''}, ${bytes(all.bytes)}` : run.artifacts.total || !models ? count(run.artifacts.total) : `${models} models`,
    code: run.tags['mlflow.source.git.dirty'] === 'true' ? 'edited' : undefined, children: count(run.children),
  }
}

/** Whether the head has been painted: the rest costs more than a frame, and the numbers come first. */
function useSeen(ready: boolean): boolean {
  const [seen, setSeen] = useState(false)
  useEffect(() => { if (ready) setSeen(true) }, [ready])
  return seen
}

const SHAPES = {
  running: '<circle cx="8" cy="8" r="3.6"/><circle cx="8" cy="8" r="6.6" fill="none" stroke="HUE" stroke-width="2"/>', finished: '<circle cx="8" cy="8" r="7"/>', failed: '<rect x="1.5" y="1.5" width="13" height="13" rx="1.5"/>',
  killed: '<path d="M8 0l8 8-8 8-8-8z"/>', hidden: '<circle cx="8" cy="8" r="6" fill="none" stroke="HUE" stroke-width="2"/>',
}

/** The run's peg in the browser's tab, and its headline in the title. */
function useMark(run: Run | undefined): void {
  const slot = run ? slotOf(run.info.run_id) : -1
  const hue = colour(hueToken(slot))
  const status = run?.info.status ?? ''
  const name = run?.info.name ?? ''
  useEffect(() => {
    if (name) document.title = `${name}, pegboard`
  }, [name])
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>('link[rel=icon]')
    if (!link || !status) return
    const before = link.href
    link.href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="${hue}">${SHAPES[shapeOf(status)].replaceAll('HUE', hue)}</svg>`)}`
    return () => { link.href = before }
  }, [status, hue])
}
