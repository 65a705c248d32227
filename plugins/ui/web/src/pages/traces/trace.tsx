/** One trace: what took how long, what it waited for, and what went in and out. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { get } from '../../core/api'
import { copy } from '../../core/copy'
import { count, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { href, may } from '../../core/root'
import { asList, asSearch, listParam, navigate, type PageProps, param, setQuery } from '../../core/router'
import { rowHeight } from '../../core/theme'
import { stamp } from '../../core/times'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { lazily } from '../../parts/lazy'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { reveal } from '../../parts/window'
import { PromptLink } from '../../parts/prompt/link'
import type { Listed } from './list'
import { listQuery, ofUser, scoped, scopeOf, talkTo } from './scope'
import { typedOf } from '../../parts/review/feedback'
import type { Review } from '../../parts/review/questions'
import type { Assessment } from '../../parts/review/assessment'
import { Side } from './side'
import { type Columns, criticalPath, dollars, endOf, rowsOf, slowest, took, treeOf } from './spans'
import { Fall } from './waterfall'
import { asked, short } from './words'
import './page.css'

export interface Overview extends Columns {
  info: {
    trace_id: string
    name: string | null
    state: string
    experiment_id: string
    experiment: string
    time: number
    /** When the first span began, ms since 1970. */
    began: number
    duration: number | null
    request: string | null
    response: string | null
    session: string | null
    user: string | null
    tokens: number | null
    cost: number | null
    tags: Record<string, string>
    metadata: Record<string, string>
  }
  run: { run_id: string; name: string | null; status: string | null } | null
  prompts: { name: string; version: string }[]
  assessments: Assessment[]
  total: number
}

const Fill = lazily('The form', () => import('../../parts/review/fill'), true)

const POLL_MS = 2000
const EMPTY: Columns = { ids: [], parents: [], names: [], types: [], status: [], starts: [], ends: [], firsts: [], is_model: [], models: [], tokens: [], costs: [], notes: [] }

export default function Trace({ params }: PageProps) {
  return <One key={params.id} id={params.id ?? ''} />
}

function One({ id }: { id: string }) {
  const found = useResource<Overview>('traces/overview', { trace_id: id })
  const trace = found.data
  const running = trace !== undefined && (trace.info.state === 'IN_PROGRESS' || trace.ends.includes(null))
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (!running) return
    const timer = setInterval(() => {
      if (document.hidden) return
      setNow(Date.now())
      found.reload()
    }, POLL_MS)
    return () => clearInterval(timer)
  }, [running])

  const spans = trace ?? EMPTY
  const sinceStart = trace ? Math.max(0, now - trace.info.began) : 0
  const openEnd = running ? sinceStart : 0
  const tree = useMemo(() => treeOf(spans), [trace])
  const path = useMemo(() => criticalPath(spans, tree, openEnd), [trace, openEnd])
  const slow = useMemo(() => slowest(spans, tree, openEnd), [trace, openEnd])
  const folded = new Set(listParam('fold').map((each) => spans.ids.indexOf(each)).filter((i) => i >= 0))
  const rows = useMemo(() => rowsOf(tree, folded), [tree, param('fold')])
  const wanted = spans.ids.indexOf(param('span'))
  const selected = wanted >= 0 ? wanted : slow >= 0 ? slow : (tree.order[0] ?? -1)
  const hits = useHits(id, trace, param('find'))
  const neighbours = useNeighbours(trace ? id : '')
  const [fills, setFills] = useState(false)
  const scroller = useRef<HTMLDivElement>(null)
  const search = useRef<HTMLInputElement>(null)

  const select = (i: number | undefined, always = false) => {
    if (i === undefined || i < 0) return
    setQuery({ span: spans.ids[i] ?? null }, { replace: true })
    const at = rows.indexOf(i)
    if (at < 0 && always) unfoldTo(i)
    else reveal(scroller.current, at, rowHeight(), rowHeight())
  }
  const setFolded = (next: ReadonlySet<number>) => setQuery({ fold: asList([...next].map((i) => spans.ids[i]!)) }, { replace: true })
  const unfoldTo = (i: number) => {
    const next = new Set(folded)
    for (let above = tree.parent[i]!; above >= 0 && next.delete(above); above = tree.parent[above]!);
    for (let above = tree.parent[i]!, n = 0; above >= 0 && n < spans.ids.length; above = tree.parent[above]!, n++) next.delete(above)
    setFolded(next)
  }
  const fold = (i: number, shut: boolean) => {
    const next = new Set(folded)
    shut ? next.add(i) : next.delete(i)
    setFolded(next)
  }
  const step = (by: number) => select(rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(selected) + by))])
  const jump = (fits: (i: number) => boolean) => {
    const from = tree.order.indexOf(selected)
    const after = [...tree.order.slice(from + 1), ...tree.order.slice(0, from + 1)]
    select(after.find(fits), true)
  }
  const left = () => (tree.children[selected]?.length && !folded.has(selected) ? fold(selected, true) : select(tree.parent[selected]))
  const right = () => (folded.has(selected) ? fold(selected, false) : select(tree.children[selected]?.[0]))
  const go = (to: string | undefined) => to && navigate(`/traces/${encodeURIComponent(to)}${scoped(scopeOf())}`)
  const zoomed = param('zoom')
  const errors = spans.status.filter((each) => each === 'ERROR').length

  useKeys('Trace', {
    j: { does: 'Next span', run: () => step(1), quiet: true }, ArrowDown: { does: 'Next span', run: () => step(1), quiet: true },
    k: { does: 'Span before', run: () => step(-1), quiet: true }, ArrowUp: { does: 'Span before', run: () => step(-1), quiet: true },
    ArrowLeft: { does: 'Fold, or go up', run: left, quiet: true }, ArrowRight: { does: 'Unfold, or go in', run: right, quiet: true },
    Home: { does: 'First span', run: () => select(rows[0]), quiet: true }, End: { does: 'Last span', run: () => select(rows.at(-1)), quiet: true },
    '[': { does: 'Trace before', run: () => go(neighbours.before), needs: !neighbours.before && 'a trace before it' }, ']': { does: 'Next trace', run: () => go(neighbours.after), needs: !neighbours.after && 'a trace behind it' },
    u: trace?.run ? { does: 'To its run', run: () => navigate(`/runs/${trace.run!.run_id}?tab=traces`) } : { does: 'All traces', run: () => navigate(`/traces${scoped(scopeOf())}`) },
    l: { does: 'The slowest span', run: () => select(slow, true) },
    e: { does: 'Next span that failed', run: () => jump((i) => spans.status[i] === 'ERROR'), needs: !errors && 'a span that failed' },
    n: { does: 'Next span that was found', run: () => jump((i) => hits?.has(i) ?? false), needs: !hits && 'something to find (/)' },
    '.': { does: 'Zoom to the span, and back', run: () => setQuery({ zoom: zoomed ? null : spans.ids[selected] }) },
    v: trace?.info.session ? { does: 'The conversation of the trace', run: () => navigate(talkTo(trace.info.session!, trace.info.experiment_id)) } : undefined,
    q: trace && may('write') ? { does: 'Put into a review queue', run: () => setFills(true) } : undefined,
    y: { does: 'Copy the id of the trace', run: () => void copy(id, 'id copied') },
    '/': { does: 'Find spans', run: () => search.current?.select() },
  })

  if (!trace) {
    const lost = found.error
    return (
      <>
        <Bar place={<><a class="i3" href={href(`/traces${scoped(scopeOf())}`)}>traces</a><span class="sep">/</span><h1>{short(id)}</h1></>} />
        <div class="scroll dots">{lost && (lost.status === 404 ? <Nothing title="There is no such trace">{lost.message}</Nothing> : <Failed what="The trace could not be read" error={lost} retry={found.reload} />)}</div>
        <Foot />
      </>
    )
  }
  // The spans know parts of a ms, the outline does not.
  const drawn = spans.ids.reduce((last, _, i) => Math.max(last, endOf(spans, i, openEnd)), openEnd)
  const whole = drawn || (trace.info.duration ?? 0)
  const firsts = spans.firsts.filter((each): each is number => each !== null)
  const scores = trace.assessments.filter((each) => each.valid && each.kind === 'feedback' && typeof each.value !== 'object')
  const work = Math.round((path.inModels / (path.work || 1)) * 100)
  return (
    <>
      <Bar
        place={<><a class="i3" href={href(`/traces${scoped(scopeOf())}`)}>traces</a><span class="sep">/</span><h1 title={id}>{short(id)}</h1></>}
        live={running ? 1 : 0}
        right={
          <>
            {may('write') && !scopeOf().queue && <button class="btn flat k2" onClick={() => setFills(true)}>review<kbd>q</kbd></button>}
            <button class="btn flat" disabled={!neighbours.before} onClick={() => go(neighbours.before)}>previous<kbd>[</kbd></button>
            <button class="btn flat" disabled={!neighbours.after} onClick={() => go(neighbours.after)}>next<kbd>]</kbd></button>
          </>
        }
      >
        <label class="find">
          <kbd aria-hidden="true">/</kbd>
          <input ref={search} aria-label="Find spans" placeholder="span name, input, output or attribute" value={param('find')} autocomplete="off" spellcheck={false}
            onInput={(event) => setQuery({ find: event.currentTarget.value }, { replace: true })}
            onKeyDown={(event) => { if (event.key === 'Enter') { event.preventDefault(); jump((i) => hits?.has(i) ?? false) } else if (event.key === 'Escape') { if (param('find')) setQuery({ find: null }, { replace: true }); event.currentTarget.blur() } }} />
          <span class="n" role="status">{hits ? `${count(hits.size)} of ${plural(trace.ids.length, 'span')}` : plural(trace.total, 'span')}</span>
        </label>
      </Bar>
      {found.error && <Failed what="The trace could not be read anew" error={found.error} still={`What is shown is as of ${stamp(found.at)}.`} retry={found.reload} />}
      <div class="traces-sum">
        <div class="ask">
          <p title={trace.info.request ?? ''}>{trace.info.request ? `“${asked(trace.info.request)}”` : (trace.info.name ?? short(id))}</p>
          <About trace={trace} />
        </div>
        <Figure label="time" value={took(whole)} />
        {firsts.length > 0 && <Figure label="first token" value={took(Math.min(...firsts))} />}
        {trace.info.tokens !== null && <Figure label="tokens" value={count(trace.info.tokens)} />}
        {trace.info.cost !== null && <Figure label="cost" value={dollars(trace.info.cost)} />}
        {errors > 0 && <Figure label="errors" value={count(errors)} bad />}
        {scores.slice(0, 2).map((each) => <Figure key={each.id} label={each.name.slice(0, 24)} value={typeof each.value === 'number' ? String(+each.value.toPrecision(3)) : typedOf(each.value).slice(0, 12)} />)}
      </div>
      {trace.ids.length ? (
        <div class="traces-cols">
          <Fall spans={spans} tree={tree} rows={rows} path={path} slow={slow} now={openEnd} selected={selected} folded={folded} hits={hits} zoom={spans.ids.indexOf(zoomed)} scroller={scroller} select={select} fold={fold} />
          <Side key={spans.ids[selected]} trace={trace} i={selected} reload={found.reload} review={neighbours.review && { ...neighbours.review, next: () => navigate(neighbours.after ? `/traces/${encodeURIComponent(neighbours.after)}${scoped(scopeOf())}` : `/traces${scoped(scopeOf())}`) }} took={endOf(spans, selected, openEnd) - spans.starts[selected]!} />
        </div>
      ) : (
        <div class="scroll dots"><Nothing title={running ? 'No span has arrived yet' : 'This trace has no spans'}>{running ? 'They are shown as they come.' : 'Only its outline was sent here.'}</Nothing></div>
      )}
      {fills && <Fill experimentId={trace.info.experiment_id} experiment={trace.info.experiment} traces={[id]} close={() => setFills(false)} done={() => undefined} />}
      <Foot right={<span class="k2">{trace.total > trace.ids.length ? `first ${count(trace.ids.length)} of ${count(trace.total)} spans drawn` : tree.orphans ? `${plural(tree.orphans, 'span')} whose parent has not arrived` : `critical path ${took(path.work)} of ${took(whole)}${path.inModels ? `, ${work} % in models` : ''}`}</span>}>
        <span class="k span-legend acts">
          <span><i class="llm" />model</span><span><i class="cp" />tool, retrieval, code</span><span><i class="pale" />pale: off the critical path</span>{errors > 0 && <span><i class="bad" />error</span>}
        </span>
      </Foot>
    </>
  )
}

function Figure({ label, value, bad = false }: { label: string; value: string; bad?: boolean }) {
  return <div class="r"><div class="lab">{label}</div><div class={`v ${bad ? 'bad' : ''}`}>{value}</div></div>
}

/** Where a trace comes from: experiment, run, prompts, session, time. */
function About({ trace }: { trace: Overview }) {
  const { info, run, prompts } = trace
  const parts = [
    <a href={href(`/experiments/${info.experiment_id}`)}>{info.experiment}</a>,
    run && <span class="nm"><Peg run={run.run_id} status={run.status ?? 'hidden'} /><a href={href(`/runs/${run.run_id}`)}>{run.name ?? run.run_id.slice(0, 8)}</a></span>,
    ...prompts.map((prompt) => <PromptLink {...prompt} />),
    <time dateTime={new Date(info.time).toISOString()}>{stamp(info.time)}</time>,
    info.session && <a href={href(talkTo(info.session, info.experiment_id))}>session {info.session}</a>,
    info.user && <a href={href(`/traces${asSearch({ q: ofUser(info.user) })}`)}>{info.user}</a>,
    info.name && info.request && info.name !== info.experiment && <span class="cut">{info.name}</span>,
  ].filter(Boolean)
  return <div class="m i3">{parts.map((part, i) => <>{i > 0 && <span aria-hidden="true">·</span>}{part}</>)}</div>
}

/** The places of spans that hold a text; undefined when nothing is looked for. */
function useHits(id: string, trace: Overview | undefined, find: string): ReadonlySet<number> | undefined {
  const [found, setFound] = useState<{ find: string; ids: ReadonlySet<string> }>()
  useEffect(() => {
    if (!find.trim()) return
    const abort = new AbortController()
    const timer = setTimeout(() => get<{ ids: string[] }>('traces/find', { trace_id: id, q: find }, abort.signal).then((answer) => setFound({ find, ids: new Set(answer.ids) }), () => undefined), 150)
    return () => { clearTimeout(timer); abort.abort() }
  }, [id, find, trace])
  return useMemo(() => {
    if (!find.trim() || !trace) return undefined
    const lower = find.toLowerCase()
    const hits = new Set<number>()
    trace.ids.forEach((each, i) => { if (trace.names[i]!.toLowerCase().includes(lower) || (found?.find === find && found.ids.has(each))) hits.add(i) })
    return hits
  }, [found, find, trace])
}

/** The traces before and after one in the list that it was opened from, and what became of it in a queue; '' has none. */
function useNeighbours(id: string): { before?: string; after?: string; review?: Omit<Review, 'next'> } {
  // The trace itself comes first.
  const listed = useResource<Listed>(id ? 'traces/list' : null, listQuery(scopeOf()))
  const ids = listed.data?.ids ?? []
  const at = ids.indexOf(id)
  if (at < 0) return { after: ids[0] }
  const queue = listed.data?.queue
  return { before: ids[at - 1], after: ids[at + 1], review: queue && { queue, status: listed.data!.reviews![at]!, by: listed.data!.reviewers![at]!, reload: listed.reload } }
}
