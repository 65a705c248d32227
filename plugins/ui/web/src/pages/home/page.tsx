/** What runs now, what there is, what happened. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { num, type Num } from '../../core/api'
import { useEvents } from '../../core/events'
import { columnOf, count, exact, one, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { give, hueClass, slotOf } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { asList, listParam, navigate, param, setQuery } from '../../core/router'
import { href } from '../../core/root'
import { clock, left, stamp } from '../../core/times'
import { useRowCursor } from '../../parts/cursor'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Peg } from '../../parts/peg'
import { Bars, Spark } from '../../parts/spark'
import { Empty, Failed } from '../../parts/states'
import { Age } from '../../parts/time'
import './page.css'

interface LiveRun {
  run_id: string
  name: string
  experiment_id: string
  experiment: string
  metric: string | null
  value: Num
  step: number | null
  total: number | null
  spark: Num[]
  last: number
  progress: number | null
  eta_ms: number | null
}

interface Experiment {
  experiment_id: string
  name: string
  runs: number
  active: number
  failed: number
  last_activity: number | null
  metric: string | null
  best: Num
  best_run: { run_id: string; name: string; status: string } | null
  strip: number[]
}

interface Event {
  time: number
  /** 'run': one has ended. 'model': something changed in the registry. */
  kind: 'run' | 'model'
  name: string
  status?: string
  run_id?: string
  experiment_id?: string
  experiment?: string
  change?: 'version' | 'alias' | 'stage' | 'approval' | 'name'
  version?: number | string | null
  key?: string | null
  before?: string | null
  after?: string | null
  user?: string
  reason?: string
}

interface Answer {
  live: LiveRun[]
  live_total?: number
  experiments: Experiment[]
  total?: number
  since: { from: number; events: Event[] }
}

const PAGE = 50

export default function Home() {
  const offset = Number(param('offset')) || 0
  const found = useResource<Answer>('ui/home', { offset: offset || undefined })
  useEvents('all', (change) => change.runs?.length !== 0 && found.reload())
  const { data } = found
  const sought = param('find').toLowerCase()
  // The one that every store has from the beginning is not worth a line while nobody uses it.
  const listed = data?.experiments.filter((each) => each.runs || each.experiment_id !== '0') ?? []
  const experiments = listed.filter((each) => each.name.toLowerCase().includes(sought))
  const total = (data?.total ?? 0) - (data ? data.experiments.length - listed.length : 0)
  useEffect(() => {
    if (data) give([...data.live.map((run) => run.run_id), ...data.experiments.flatMap((each) => each.best_run?.run_id ?? []), ...data.since.events.flatMap((event) => event.run_id ?? [])])
  }, [data])
  const at = useRowCursor('Experiments', experiments.length, (index) => navigate(`/experiments/${experiments[index]?.experiment_id}`))
  const picked = listParam('pick')
  const pick = (id: string) => setQuery({ pick: asList(picked.includes(id) ? picked.filter((each) => each !== id) : [...picked, id]) }, { replace: true })
  const together = () => navigate(`/experiments/${picked.join(',')}`)
  useKeys('Home', {
    '/': { does: 'Find an experiment', run: () => document.querySelector<HTMLInputElement>('.home-find')?.focus() },
    Space: { does: 'Pick the experiment', run: () => experiments[at] && pick(experiments[at].experiment_id), needs: !experiments[at] && 'an experiment under the cursor (j)' },
    o: { does: 'Open the picked experiments together', run: together, needs: picked.length < 2 && 'two picked experiments (space)' },
    Escape: picked.length ? { does: 'Pick none', run: () => setQuery({ pick: null }, { replace: true }) } : undefined,
    ']': offset + PAGE < total ? { does: 'Next experiments', run: () => setQuery({ offset: String(offset + PAGE) }) } : undefined,
    '[': offset ? { does: 'Previous experiments', run: () => setQuery({ offset: offset > PAGE ? String(offset - PAGE) : '' }) } : undefined,
  })
  const isEmpty = data && !offset && data.experiments.every((each) => !each.runs)
  return (
    <>
      <Bar place={<h1>pegboard</h1>} live={data?.live_total ?? data?.live.length}>
        <div class="filter"><kbd aria-hidden="true">/</kbd><input class="home-find" aria-label="Find an experiment" placeholder={`part of a name, in ${plural(total, 'experiment')}`} value={param('find')} onInput={(event) => setQuery({ find: event.currentTarget.value }, { replace: true })} onKeyDown={(event) => { if (event.key === 'Enter' && experiments[0]) navigate(`/experiments/${experiments[0].experiment_id}`); if (event.key === 'Escape') event.currentTarget.blur() }} /></div>
      </Bar>
      <div class="scroll dots home">
        {found.error && <Failed what="The first page could not be read" error={found.error} retry={found.reload} />}
        {isEmpty ? <Empty title="No runs yet" /> : data && (
          <>
            {data.live.length > 0 && <section class="now" aria-label="What runs now">{data.live.slice(0, 8).map((run) => <Now key={run.run_id} run={run} />)}</section>}
            <div class="cap"><h2>Experiments</h2><span class="m i3">{count(total)}, last active first</span><span class="x" />{total > PAGE && <span class="m i3">{offset + 1} to {Math.min(total, offset + PAGE)}</span>}</div>
            <Experiments experiments={experiments} at={at} picked={picked} pick={pick} />
            {data.since.events.length > 0 && <Since {...data.since} />}
          </>
        )}
      </div>
      <Foot>{picked.length > 0 && <><span>{count(picked.length)} picked</span><span class="acts">{picked.length > 1 && <button onClick={together}>open together<kbd>o</kbd></button>}</span></>}</Foot>
    </>
  )
}

function Now({ run }: { run: LiveRun }) {
  const hue = hueClass(slotOf(run.run_id))
  const room = useRef<HTMLDivElement>(null)
  const [wide, setWide] = useState(200)
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => entry && setWide(Math.floor(entry.contentRect.width)))
    if (room.current) watch.observe(room.current)
    return () => watch.disconnect()
  }, [])
  return (
    <a class={hue} href={href(`/runs/${run.run_id}`)}>
      <div class="n"><Peg run={run.run_id} status="RUNNING" /><span class="w5 cut">{run.name}</span><span class="i3 cut">{run.experiment}</span></div>
      <div class="v">
        <div><div class="lab m">{run.metric ?? 'no metric yet'}</div><div class="big" title={exact(num(run.value))}>{run.metric ? one(num(run.value)) : '–'}</div></div>
        <div class="curve" ref={room}><Spark values={run.spark} width={wide} height={56} hue={hue} area part={run.progress && run.progress > 0.05 ? run.progress : 1} /></div>
      </div>
      <div class="e">
        <span>{run.step === null ? '' : run.total ? `${count(run.step)} of ${count(run.total)}` : `step ${count(run.step)}`}</span>
        <span class="x" />
        <span>{run.eta_ms !== null && run.eta_ms !== undefined ? left(run.eta_ms) : run.last ? <>last point <Age at={run.last} /> ago</> : ''}</span>
      </div>
      {run.progress !== null && <i class="p" style={{ width: `${run.progress * 100}%` }} />}
    </a>
  )
}

function Experiments({ experiments, at, picked, pick }: { experiments: Experiment[]; at: number; picked: readonly string[]; pick: (id: string) => void }) {
  return (
    <table class="home-list">
      <caption class="sr">Experiments</caption>
      <colgroup><col class="name" /><col class="key" /><col class="best" /><col /><col class="n" /><col class="n" /><col class="days" /><col class="age" /></colgroup>
      <thead><tr><th>name</th><th class="r">headline</th><th class="r">best</th><th class="g">by</th><th class="r">runs</th><th class="r">failed</th><th class="strip">runs a day, 30 days</th><th class="r">active</th></tr></thead>
      <tbody>
        {experiments.map((each, i) => (
          <tr key={each.experiment_id} id={`experiment-${i}`} class={`${i === at ? 'at' : ''} ${picked.includes(each.experiment_id) ? 'pick' : ''}`} onClick={(event) => { if (event.metaKey || event.ctrlKey) { event.preventDefault(); pick(each.experiment_id) } else if (!(event.target as Element).closest('a, input')) navigate(`/experiments/${each.experiment_id}`) }}>
            <td class="s w5 name"><input type="checkbox" aria-label={`Pick ${each.name}`} checked={picked.includes(each.experiment_id)} onChange={() => pick(each.experiment_id)} /><a class="cut" href={href(`/experiments/${each.experiment_id}`)}>{each.name}</a></td>
            <td class="r i3">{each.metric ?? ''}</td>
            <td class="r w5" title={exact(num(each.best))}>{each.metric ? columnOf([num(each.best)])(num(each.best)) : '–'}</td>
            <td class="g i2">{each.best_run && <span class="nm"><Peg run={each.best_run.run_id} status={each.best_run.status} /><a class="cut" href={href(`/runs/${each.best_run.run_id}`)}>{each.best_run.name}</a></span>}</td>
            <td class="r">{count(each.runs)}</td>
            <td class={`r ${each.failed ? 'i2' : 'i3'}`}>{each.failed ? count(each.failed) : '–'}</td>
            <td class="strip"><Bars counts={each.strip} width={270} height={18} on={(day) => day === each.strip.length - 1} /><span class="sr">{each.strip.reduce((a, b) => a + b, 0)} runs in 30 days</span></td>
            <td class="r i2"><Age at={each.last_activity} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Since({ from, events }: Answer['since']) {
  const [day, time] = stamp(from).split(' ')
  const yesterday = stamp(Date.now() - 86_400_000).startsWith(day ?? '-')
  return (
    <section aria-label="What happened">
      <div class="cap"><h2>Since {yesterday ? `yesterday, ${time}` : `${day}, ${time}`}</h2></div>
      <table class="home-events">
        <caption class="sr">What happened</caption>
        <colgroup><col class="at" /><col class="what" /><col /></colgroup>
        <tbody>
          {events.slice(0, 12).map((event) => (
            <tr key={`${event.time} ${event.kind} ${event.run_id ?? event.name}`}>
              <td class="i3"><time dateTime={new Date(event.time).toISOString()} title={stamp(event.time)}>{clock(event.time).slice(0, 5)}</time></td>
              <td><span class="nm">{event.run_id ? <><Peg run={event.run_id} status={event.status ?? ''} /><a class="cut" href={href(`/runs/${event.run_id}`)}>{event.name}</a></> : <a class="cut i2" href={href(`/models/${encodeURIComponent(event.name)}`)}>{event.name}</a>}</span></td>
              <td class="s"><Told event={event} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const SAID: Record<string, string> = { FINISHED: 'finished', FAILED: 'failed', KILLED: 'was stopped', RUNNING: 'started', LOST: 'was lost' }

function Told({ event }: { event: Event }) {
  if (event.kind === 'model') return <Moved event={event} />
  const status = event.status ?? ''
  return (
    <>
      <span class={status === 'FAILED' || status === 'LOST' ? 'bad' : ''}>{SAID[status] ?? status.toLowerCase()}</span>
      {event.experiment_id && <>{' in '}<a class="m" href={href(`/experiments/${event.experiment_id}`)}>{event.experiment}</a></>}
    </>
  )
}

function Moved({ event }: { event: Event }) {
  const { change, key, before, after, version } = event
  const by = <>{event.user && <> by <span class="m">{event.user}</span></>}{event.reason && <span class="i3">: {event.reason}</span>}</>
  if (change === 'alias') return <><span class="m">{key}</span> is {after ? <>version <span class="m">{after}</span></> : 'taken away'}{before && <>, was <span class="m">{before}</span></>}{by}</>
  if (change === 'stage') return <>version <span class="m">{version}</span> is <span class="m">{after}</span>{by}</>
  if (change === 'approval') return <>version <span class="m">{version}</span> was {after ? 'approved' : 'no longer approved'} for <span class="m">{key}</span>{by}</>
  if (change === 'version') return <>version <span class="m">{version}</span> was {after ? 'registered' : 'deleted'}{by}</>
  return <>{after ? <>was renamed to <span class="m">{after}</span></> : 'was deleted'}{by}</>
}
