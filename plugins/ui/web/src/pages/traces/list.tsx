/** The list of traces: what failed, then the slowest. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { get } from '../../core/api'
import { columnOf, exact, type Format, one, plural } from '../../core/format'
import { isFilter, withTerm } from '../../core/grammar'
import { shown } from '../../core/keylist'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { address, href, may } from '../../core/root'
import { asList, listParam, navigate, param, setQuery } from '../../core/router'
import { rowHeight } from '../../core/theme'
import { stamp } from '../../core/times'
import { Bar } from '../../parts/bar'
import { Filter } from '../../parts/filter'
import { Foot } from '../../parts/foot'
import { Chevron } from '../../parts/icon'
import { lazily } from '../../parts/lazy'
import { Float, MenuItem } from '../../parts/menu'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import { reveal, Rows, useWindow } from '../../parts/window'
import { complete } from './complete'
import type { Queue } from '../../parts/review/questions'
import { takeOut } from '../../parts/review/taken'
import { listQuery, scoped, scopeOf, talkTo } from './scope'
import { took } from './spans'
import { asked, quoted, short, text } from './words'
import './page.css'

export interface Listed {
  ids: string[]
  names: (string | null)[]
  states: string[]
  times: number[]
  durations: (number | null)[]
  tokens: (number | null)[]
  costs: (number | null)[]
  requests: string[]
  responses: string[]
  sessions: (string | null)[]
  users: (string | null)[]
  runs: (string | null)[]
  experiments: string[]
  scores: { name: string; value: unknown }[][]
  experiment_names: Record<string, string>
  next_page_token: string | null
  /** Of how many traces those with most tokens or cost were found; 0: of all. */
  among: number
  queue?: Queue
  /** What became of each trace in the queue, and who settled it. */
  reviews?: string[]
  reviewers?: (string | null)[]
}

const Fill = lazily('The form', () => import('../../parts/review/fill'), true)
const Schemas = lazily('The questions', () => import('../../parts/review/schemas'), true)

const POLL_MS = 5000
const STATES: Record<string, string> = { OK: 'finished', ERROR: 'failed', IN_PROGRESS: 'running' }
const HEADS = [
  { key: 'name', title: 'trace', first: 'name' },
  { key: 'duration', title: 'time', first: '-duration' },
  { key: 'tokens', title: 'tokens', first: '-tokens' },
  { key: 'cost', title: 'cost', first: '-cost' },
  { key: '', title: 'scores', first: '' },
  { key: 'time', title: 'age', first: '-time' },
]

export default function Traces() {
  const scope = scopeOf()
  const scopeKey = JSON.stringify(scope)
  const experiments = listParam('exp')
  const asked = useResource<Listed>('traces/list', listQuery(scope))
  const [more, setMore] = useState<Listed[]>([])
  const [held, setHeld] = useState<{ of: string; data: Listed }>()
  const [wanted, setAt] = useState(-1)
  const [menu, setMenu] = useState<Element>()
  const [queues, setQueues] = useState<Element>()
  const inside = useRef(false)
  /** Whether rows have to go, though somebody points at them: they were taken out of the queue. */
  const renews = useRef(false)
  const [out, setOut] = useState<readonly string[]>([])
  const fetching = useRef('')
  const box = useRef<HTMLDivElement>(null)
  const height = rowHeight()
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && asked.reload(), POLL_MS)
    return () => clearInterval(timer)
  }, [])
  // Rows stay where they are while somebody points at them, unless something else was asked for.
  useEffect(() => {
    const fresh = asked.data
    if (!fresh) return
    const keeps = held?.of === scopeKey && !renews.current && (inside.current || wanted > 0) && held.data.ids.join() !== fresh.ids.join()
    setHeld({ of: scopeKey, data: keeps ? withNews(held.data, fresh) : fresh })
    if (renews.current) { setMore([]); setOut([]) }
    renews.current = false
    if (held?.of === scopeKey) return
    setMore([])
    setAt(-1)
  }, [asked.data])
  const first = held?.data ?? asked.data
  const news = first && asked.data ? asked.data.ids.filter((id) => !first.ids.includes(id)).length : 0
  const pages = first ? [first, ...more] : []
  const count = pages.reduce((sum, page) => sum + page.ids.length, 0)
  // The last one may be gone.
  const at = Math.min(wanted, count - 1)
  const seen = useWindow(box, count, height, height)
  const last = pages.at(-1)
  useEffect(() => {
    const token = last?.next_page_token
    if (!token || seen.end < count - 20 || fetching.current === token) return
    fetching.current = token
    get<Listed>('traces/list', { ...listQuery(scope), page_token: token }).then((page) => setMore((now) => [...now, page]), () => (fetching.current = ''))
  }, [seen.end, last])
  const row = (index: number): { page: Listed; i: number } | undefined => {
    for (const page of pages) {
      if (index < page.ids.length) return { page, i: index }
      index -= page.ids.length
    }
    return undefined
  }
  const linkTo = (index: number): string => {
    const found = row(index)
    return found ? `/traces/${encodeURIComponent(found.page.ids[found.i]!)}${scoped(scope)}` : ''
  }
  const step = (by: number) => {
    const next = Math.max(0, Math.min(count - 1, at + by))
    if (!count) return
    setAt(next)
    reveal(box.current, next, height, height)
  }
  const current = row(at)
  const nameAt = current?.page.names[current.i]
  const session = current?.page.sessions[current.i]
  const said = saidOf(pages)
  const queue = scope.queue ? first?.queue : undefined
  const [fills, setFills] = useState(false)
  const picked = listParam('pick')
  const pick = (ids: readonly string[], on = !ids.every((id) => picked.includes(id))) => {
    const others = picked.filter((id) => !ids.includes(id))
    setQuery({ pick: asList(on ? [...others, ...ids] : others) }, { replace: true })
  }
  const idAt = current?.page.ids[current.i]
  const loaded = new Map(pages.flatMap((page) => page.ids.map((id, i): [string, string] => [id, page.experiments[i]!])))
  const chosen = (picked.length ? picked : idAt ? [idAt] : []).filter((id) => loaded.has(id))
  // A queue is one experiment's.
  const homes = [...new Set(chosen.map((id) => loaded.get(id)!))]
  const take = () => {
    const items = pages.flatMap((page) => page.ids.map((id, i) => ({ id, status: page.reviews?.[i] ?? 'pending', by: page.reviewers?.[i] ?? null }))).filter(({ id }) => chosen.includes(id))
    setQuery({ pick: null }, { replace: true })
    void takeOut(queue!, items, setOut, () => { renews.current = true; fetching.current = ''; asked.reload() })
  }
  const canPick = !queue || may('write')
  // Questions are one experiment's, too.
  const named = Object.keys(first?.experiment_names ?? {})
  const [asks, setAsks] = useState('')
  const home = queue?.experiment_id ?? (experiments.length === 1 ? experiments[0] : idAt ? loaded.get(idAt) : named.length === 1 ? named[0] : undefined)
  const whyNot = !chosen.length ? 'a picked trace (j, space)' : homes.length > 1 && 'traces of one experiment'
  useKeys('Traces', {
    j: { does: 'Next trace', run: () => step(1), quiet: true }, ArrowDown: { does: 'Next trace', run: () => step(1), quiet: true },
    k: { does: 'Trace before', run: () => step(-1), quiet: true }, ArrowUp: { does: 'Trace before', run: () => step(-1), quiet: true },
    Home: { does: 'First trace', run: () => step(-count), quiet: true }, End: { does: 'Last trace', run: () => step(count), quiet: true },
    Enter: { does: 'Open the trace', run: () => navigate(linkTo(at)), needs: at < 0 && 'a trace under the cursor (j)' },
    n: { does: 'Only traces of this name', run: () => setQuery({ q: withTerm(scope.q, `trace.name = ${text(nameAt ?? '')}`) }), needs: !nameAt && 'a trace under the cursor (j)' },
    a: queue ? undefined : { does: 'Only traces with some feedback', run: () => setMenu(document.querySelector('.traces-said') ?? document.body), needs: !said.length && 'feedback on a trace' },
    s: queue ? undefined : { does: 'By session', run: () => setQuery({ by: 'session', sort: null }) },
    v: { does: 'The conversation of the trace', run: () => navigate(talkTo(session!)), needs: !session && 'a trace of a session under the cursor (j)' },
    r: { does: 'Review queues', run: () => setQueues(document.querySelector('.traces-queues') ?? document.body) },
    Space: !canPick ? undefined : { does: 'Pick the trace', run: () => { pick([idAt!]); step(1) }, needs: !idAt && 'a trace under the cursor (j)' },
    'Shift+A': !canPick ? undefined : { does: 'Pick all traces that are here, or none', run: () => pick([...loaded.keys()]) },
    Escape: picked.length ? { does: 'Pick none', run: () => setQuery({ pick: null }, { replace: true }) } : undefined,
    q: may('write') && !queue ? { does: 'Put into a review queue', run: () => setFills(true), needs: whyNot } : undefined,
    Backspace: queue && may('write') ? { does: 'Take out of the queue', run: take, needs: !chosen.length && 'a trace under the cursor (j)' } : undefined,
    'Shift+Q': may('write') ? { does: 'Questions about traces', run: () => setAsks(home!), needs: !home && 'a trace under the cursor (j)' } : undefined,
    e: queue ? undefined : { does: 'Failed traces only', run: () => toggle(scope.q, "trace.status = 'ERROR'") },
  })
  const longest = Math.max(1, ...pages.flatMap((page) => page.durations.map((ms) => ms ?? 0)))
  const cost = columnOf(pages.flatMap((page) => page.costs), { zero: true })
  const several = new Set(pages.flatMap((page) => page.experiments)).size > 1
  const error = asked.error
  const wrong = error?.status === 400 ? error : undefined
  const place = experiments.map((id) => first?.experiment_names[id] ?? id).join(', ')
  const running = pages.reduce((sum, page) => sum + page.states.filter((state) => state === 'IN_PROGRESS').length, 0)
  return (
    <>
      <Bar
        place={queue ? <><a class="i3" href={href('/traces')}>traces</a><span class="sep">/</span><h1 class="cut">{queue.name}</h1></> : <>{place ? <><a class="i3" href={href('/traces')}>traces</a><span class="sep">/</span><h1>{place}</h1></> : <h1>traces</h1>}</>}
        live={running}
        right={news > 0 ? <button class="btn flat" onClick={() => { setHeld({ of: scopeKey, data: asked.data! }); setMore([]); setAt(-1) }}>{news} new <Chevron to="up" /></button> : undefined}
      >
        {queue ? <Progress queue={queue} /> : <Filter value={scope.q} apply={(q) => setQuery({ q })} complete={(where) => complete(experiments, where)} placeholder="trace.status = 'ERROR', or any words in a span" count={first ? (last?.next_page_token ? `first ${plural(count, 'trace')}` : plural(count, 'trace')) : ''} error={wrong} memory="traces" />}
      </Bar>
      {error && !wrong && <Failed what="The traces could not be read" error={error} still={first ? `What is shown is as of ${stamp(asked.at)}.` : undefined} retry={asked.reload} />}
      <div class="scroll dots traces-list" ref={box} onPointerEnter={() => (inside.current = true)} onPointerLeave={() => (inside.current = false)}>
        {first && count === 0 && !wrong ? (
          queue ? <Nothing title="No trace is in this queue">Pick some in the <a class="link" href={href('/traces')}>list</a> with <kbd>space</kbd> and press <kbd>q</kbd>, or: <code>pegboard reviews create NAME --filter "…"</code></Nothing> : <None asked={scope.q} />
        ) : (
          first && (
            <div role="grid" aria-label="Traces" aria-multiselectable={canPick} aria-rowcount={last?.next_page_token ? -1 : count + 1} tabIndex={0} aria-activedescendant={at >= 0 ? `trace-${at}` : undefined}>
              <Head sort={scope.sort} height={height} queue={Boolean(queue)} />
              <Rows window={seen} count={count} height={height} row={(index, top) => {
                const found = row(index)
                return found && <Line key={found.page.ids[found.i]} {...found} index={index} top={top} on={index === at} picked={picked.includes(found.page.ids[found.i]!)} pick={canPick ? pick : undefined} out={out.includes(found.page.ids[found.i]!)} to={linkTo(index)} longest={longest} cost={cost} named={several} />
              }} />
            </div>
          )
        )}
      </div>
      <Foot>
        {picked.length > 0 && canPick && <span class="acts">
          <button onClick={() => setQuery({ pick: null }, { replace: true })}>{plural(chosen.length, 'trace')} picked<kbd>esc</kbd></button>
          {queue && <button disabled={!chosen.length} onClick={take}>take out of the queue<kbd>{shown('Backspace')}</kbd></button>}
          {may('write') && !queue && <button disabled={Boolean(whyNot)} title={whyNot ? `Needs ${whyNot}` : undefined} onClick={() => setFills(true)}>to a review queue<kbd>q</kbd></button>}
        </span>}
        {first && !queue && !picked.length && <span>{scope.sort && last?.among ? `by ${scope.sort.replace('-', '')}, of the last ${plural(last.among, 'trace')}` : scope.sort ? `by ${scope.sort.replace('-', '')}` : 'failed, then slowest'}</span>}
        {queue && <a class="k2" href={href('/traces')}>all traces</a>}
        {!queue && <button class="k2" onClick={() => setQuery({ by: 'session', sort: null })}>by session<kbd>s</kbd></button>}
        <button class="k2 traces-queues" aria-haspopup="menu" onClick={(event) => setQueues(event.currentTarget)}>review queues<kbd>r</kbd></button>
        {may('write') && home && <button class="k2" onClick={() => setAsks(home)}>questions<kbd>{shown('Shift+Q')}</kbd></button>}
        {scope.sort && !queue && <button onClick={() => setQuery({ sort: null })}>usual order</button>}
        {!queue && <button class="k2" aria-pressed={scope.q.includes("trace.status = 'ERROR'")} onClick={() => toggle(scope.q, "trace.status = 'ERROR'")}>failed only<kbd>e</kbd></button>}
        {said.length > 0 && !queue && <button class="k2 traces-said" aria-haspopup="menu" onClick={(event) => setMenu(event.currentTarget)}>by feedback<kbd>a</kbd></button>}
      </Foot>
      {queues && <Queues at={queues} close={() => setQueues(undefined)} experiments={experiments.length ? experiments : Object.keys(first?.experiment_names ?? {})} />}
      {fills && <Fill experimentId={homes[0]!} experiment={first?.experiment_names[homes[0]!] ?? homes[0]!} traces={chosen} close={() => setFills(false)} done={() => setQuery({ pick: null }, { replace: true })} />}
      {asks && <Schemas experimentId={asks} experiment={first?.experiment_names[asks] ?? asks} close={() => setAsks('')} />}
      {menu && <Float at={menu} close={() => setMenu(undefined)} label="Only traces with">{said.map(({ said: each, count: n }) => <MenuItem key={termOf(each)} detail={plural(n, 'trace')} does={() => { setMenu(undefined); only(each) }}><span class="i3">{each.name}</span>{wordOf(each.value)}</MenuItem>)}</Float>}
    </>
  )
}

/** What was shown, with the new values of the same traces. */
function withNews(now: Listed, fresh: Listed): Listed {
  const places = now.ids.map((id) => fresh.ids.indexOf(id))
  const renewed = <T,>(old: T[], values: T[]): T[] => old.map((value, i) => (places[i]! >= 0 ? values[places[i]!]! : value))
  return { ...now, states: renewed(now.states, fresh.states), durations: renewed(now.durations, fresh.durations), tokens: renewed(now.tokens, fresh.tokens), costs: renewed(now.costs, fresh.costs), scores: renewed(now.scores, fresh.scores) }
}

interface Said {
  name: string
  value: unknown
}

const wordOf = (value: unknown): string => (value === true ? 'yes' : value === false ? 'no' : typeof value === 'number' ? String(+value.toPrecision(3)) : String(value))

/** Feedback as a filter has it: numbers bare, all else as JSON writes it. */
const termOf = ({ name, value }: Said): string => `${quoted(`feedback.${name}`)} = ${typeof value === 'number' ? value : text(String(value))}`
const only = (score: Said): void => { const q = param('q'); setQuery({ q: withTerm(isFilter(q) ? q : '', termOf(score)) }) }

/** What was said of the traces that are here, the most frequent first. */
function saidOf(pages: readonly Listed[]): { said: Said; count: number }[] {
  const found = new Map<string, { said: Said; count: number }>()
  for (const said of pages.flatMap((page) => page.scores.flat()).filter(({ value }) => value !== null)) {
    const known = found.get(termOf(said))
    if (known) known.count++
    else found.set(termOf(said), { said, count: 1 })
  }
  return [...found.values()].sort((a, b) => b.count - a.count).slice(0, 20)
}

function toggle(q: string, term: string): void {
  const without = q.replace(` and ${term}`, '').replace(new RegExp(`^${term}( and )?`), '')
  setQuery({ q: q.includes(term) ? without : withTerm(isFilter(q) ? q : '', term) })
}

/** How far a queue is, and who works on it. */
function Progress({ queue }: { queue: Queue }) {
  const all = queue.pending + queue.complete + queue.declined
  return (
    <div class="traces-progress m">
      <progress max={Math.max(1, all)} value={all - queue.pending} aria-label="Traces that are reviewed" />
      <span role="status">{exact(queue.complete)} of {plural(all, 'trace')} done{queue.declined > 0 && `, ${exact(queue.declined)} declined`}</span>
      <span class="x" />
      <span class="i3 cut">{queue.users.join(', ')}</span>
    </div>
  )
}

/** The queues of experiments, to choose one. */
function Queues({ at, close, experiments }: { at: Element; close: () => void; experiments: readonly string[] }) {
  const [found, setFound] = useState<{ queue_id: string; name: string; users?: string[] }[]>()
  useEffect(() => {
    const abort = new AbortController()
    const each = (id: string) => get<{ review_queues?: { queue_id: string; name: string; users?: string[] }[] }>('/api/3.0/mlflow/review-queues/list', { experiment_id: id, max_results: 100 }, abort.signal).then((answer) => answer.review_queues ?? [], () => [])
    void Promise.all(experiments.slice(0, 20).map(each)).then((lists) => setFound(lists.flat()))
    return () => abort.abort()
  }, [])
  if (!found) return null
  return (
    <Float at={at} close={close} label="Review queues">
      {found.map((each) => <MenuItem key={each.queue_id} detail={each.users?.join(', ')} does={() => { close(); navigate(`/traces?queue=${encodeURIComponent(each.queue_id)}`) }}>{each.name}</MenuItem>)}
      {!found.length && <MenuItem does={close} detail={may('write') ? 'pick traces (space), then q' : undefined}>There is none</MenuItem>}
    </Float>
  )
}

function Head({ sort, height, queue }: { sort: string; height: number; queue: boolean }) {
  const by = sort.replace(/^-/, '')
  return (
    <div role="rowgroup" class="traces-heads">
      <div role="row" class="traces-row head" style={{ height: `${height}px` }} aria-rowindex={1}>
        {HEADS.map((head) => (
          <span key={head.title} role="columnheader" class={`c-${head.title}`} aria-sort={head.key && by === head.key ? (sort.startsWith('-') ? 'descending' : 'ascending') : undefined}>
            {queue && head.key === 'time' ? 'review' : head.key && !queue ? (
              <button class={by === head.key ? 'w5' : ''} onClick={() => setQuery({ sort: by === head.key ? (sort === head.first ? (sort.startsWith('-') ? by : `-${by}`) : null) : head.first })}>
                {head.title}
                {by === head.key && <Chevron to={sort.startsWith('-') ? 'down' : 'up'} />}
              </button>
            ) : (
              head.title
            )}
          </span>
        ))}
      </div>
    </div>
  )
}

interface LineProps {
  page: Listed
  i: number
  index: number
  top: number
  on: boolean
  picked: boolean
  /** Without it nothing is picked here. */
  pick?: (ids: readonly string[]) => void
  /** Whether it is taken out of the queue, and about to go. */
  out: boolean
  to: string
  longest: number
  cost: Format
  /** Whether to say of which experiment it is. */
  named: boolean
}

function Line({ page, i, index, top, on, picked, pick, out, to, longest, cost, named }: LineProps) {
  const state = page.states[i]!
  const name = page.names[i] ?? short(page.ids[i]!)
  const ms = page.durations[i]
  const failed = state === 'ERROR'
  const other = (key: string, value: string | null | undefined) => value && ((event: MouseEvent) => { if (event.altKey) { event.preventDefault(); event.stopPropagation(); setQuery({ q: withTerm(param('q'), `${key} = ${text(value)}`) }) } })
  return (
    <div role="row" id={`trace-${index}`} aria-rowindex={index + 2} aria-selected={pick ? picked : undefined} class={`traces-row ${on ? 'on' : ''} ${picked ? 'pick' : ''} ${out ? 'out' : ''}`} style={{ top: `${top}px` }} onClick={(event) => { if (!(event.target as Element).closest('a, button') && !event.altKey) navigate(to) }}>
      <span role="gridcell" class="c-trace" onClick={other('trace.name', page.names[i]) || undefined}>
        {pick && <i class="tick" title="Pick (space)" onClick={(event) => { event.stopPropagation(); pick([page.ids[i]!]) }} />}
        <span class={failed ? 'failed' : ''}><Peg status={STATES[state] ?? 'hidden'} /></span>
        <a class={`nw cut ${failed ? 'bad' : ''}`} href={href(to)} tabIndex={-1} title={page.names[i] ?? page.ids[i]}>{name}</a>
        <span class="cut i3 s">{page.requests[i] && asked(page.requests[i])}</span>
        <span class="x" />
        {page.sessions[i] && <a class="i3 cut exp" href={href(talkTo(page.sessions[i]))} tabIndex={-1} title={`The conversation ${page.sessions[i]}`}>{page.sessions[i]}</a>}
        {named && <span class="i3 cut exp">{page.experiment_names[page.experiments[i]!]}</span>}
      </span>
      <span role="gridcell" class={`c-time ${failed ? 'bad' : ''}`} title={ms === null || ms === undefined ? '' : `${exact(ms)} ms`}>
        <i class={`bar-of ${failed ? 'bad' : ''}`} style={{ width: `${((ms ?? 0) / longest) * 80}px` }} />
        {state === 'IN_PROGRESS' ? <span class="i3">running</span> : took(ms)}
      </span>
      <span role="gridcell" class="c-tokens">{one(page.tokens[i])}</span>
      <span role="gridcell" class="c-cost" title={exact(page.costs[i])}>{page.costs[i] === null ? '–' : `$${cost(page.costs[i])}`}</span>
      <span role="gridcell" class="c-scores cut">{page.scores[i]!.map((score) => <button key={score.name} tabIndex={-1} disabled={score.value === null} title={`Only traces with ${score.name} ${wordOf(score.value)}`} onClick={() => only(score)}><span class="i3">{score.name}</span> {wordOf(score.value)} </button>)}</span>
      <span role="gridcell" class="c-age i3 cut">{page.reviews ? <Reviewed status={page.reviews[i]!} by={page.reviewers![i]!} /> : <Age at={page.times[i]} />}</span>
    </div>
  )
}

const Reviewed = ({ status, by }: { status: string; by: string | null }) => (status === 'pending' ? <>open</> : <span class={status === 'declined' ? 'bad' : 'ok'} title={`${status} by ${by}`}>{by}</span>)

function None({ asked: q }: { asked: string }) {
  if (q) return <Nothing title="No trace fits">Take a condition away, or look at <button class="link" onClick={() => setQuery({ q: null })}>all traces</button>.</Nothing>
  return (
    <div class="hole">
      <h2>No traces yet</h2>
      <div class="code" tabIndex={0} role="region" aria-label="Code that traces to here">
        <span class="kw">import</span> mlflow{'\n'}
        mlflow.set_tracking_uri(<span class="q">"</span>{address()}<span class="q">"</span>){'\n'}
        @mlflow.trace{'\n'}
        <span class="kw">def</span> answer(question): ...
      </div>
      <div class="then s"><span>OpenTelemetry's exporters send to <span class="m">{address()}/v1/traces</span>. This page fills by itself{may('write') ? '' : ', but you may only read'}.</span></div>
    </div>
  )
}
