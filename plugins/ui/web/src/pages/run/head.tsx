/** The head of the page: who the run is, how it is, and its few numbers that matter. */
import { num } from '../../core/api'
import { columnOf, count, exact, type Format, one, signed } from '../../core/format'
import { hueClass, slotOf } from '../../core/pegs'
import { href } from '../../core/root'
import { clock, duration, iso, left, stamp } from '../../core/times'
import { Peg } from '../../parts/peg'
import { MiniChart } from '../../parts/spark'
import { now } from '../../parts/time'
import { headlines, isLive, judged, type MetricTold, type Overview, timeLeft } from './data'
import { useEnvironment } from './use'

const WORDS: Record<string, string> = { FINISHED: 'finished in', FAILED: 'failed after', KILLED: 'stopped after', LOST: 'silent after', RUNNING: 'running', SCHEDULED: 'waiting' }
const today = (at: number): boolean => new Date(at).toDateString() === new Date().toDateString()

/** `compact`: one line of numbers, where the rest of the page needs the room. */
export function Head({ run, compact = false }: { run: Overview; compact?: boolean }) {
  const { info } = run
  const slot = slotOf(info.run_id)
  const top = headlines(run)
  return (
    <section class={`run-head ${hueClass(slot)} ${compact ? 'compact' : ''}`} aria-label="Run">
      <div class="t">
        <Peg run={info.run_id} status={info.status} size={16} />
        <h1 class="cut" title={info.name}>{info.name}</h1>
        <Meta run={run} />
      </div>
      {top.length > 0 && <div class="run-nums">{top.map((key) => <Headline key={key} name={key} metric={run.metrics[key]!} run={run} compact={compact} />)}</div>}
      <Progress run={run} />
    </section>
  )
}

function Meta({ run }: { run: Overview }) {
  const { info, progress, parent } = run
  const time = now.value
  const eta = timeLeft(run, time)
  const host = useEnvironment(run)?.platform?.hostname
  const took = (info.end_time ?? (isLive(info.status) ? time : lastTime(run))) - info.start_time
  return (
    <p class="meta">
      <b>{WORDS[info.status] ?? info.status.toLowerCase()} {duration(took)}</b>
      {info.deleted && <> · <b class="bad">deleted</b></>}
      {progress && <> · step <b>{count(progress.step)} of {count(progress.total)}</b></>}
      {eta !== null && <> · <b>{left(eta)}</b></>}
      {' '}· started <b><time dateTime={iso(info.start_time)} title={stamp(info.start_time)}>{today(info.start_time) ? clock(info.start_time).slice(0, 5) : stamp(info.start_time)}</time></b>
      {info.user && info.user !== 'unknown' && <> by <b class="who" title={info.user}>{info.user}</b></>}
      {host && <> on <b class="who" title={host}>{host}</b></>}
      {parent && <> · below <b>{parent.name === null ? parent.run_id.slice(0, 8) : <a href={href(`/runs/${parent.run_id}`)}>{parent.name}</a>}</b></>}
    </p>
  )
}

const lastTime = (run: Overview): number => Math.max(run.info.start_time, ...Object.values(run.metrics).map((metric) => metric.time))

function Headline({ name, metric, run, compact }: { name: string; metric: MetricTold; run: Overview; compact: boolean }) {
  const value = num(metric.last)
  const before = run.compare && name in run.compare.metrics ? num(run.compare.metrics[name]) : null
  const shared = columnOf([value, before, metric.best ?? null])
  const slot = slotOf(run.info.run_id)
  const text = one(value)
  return (
    <div class="number">
      <div class="m i3 cut" title={name}>{name}</div>
      <div class="line">
        <a class="big" href={href(`/runs/${run.info.run_id}?tab=metrics&key=${encodeURIComponent(name)}`)} title={exact(value)}>{text}</a>
        {!compact && metric.spark && metric.spark.length > 1 && <MiniChart values={metric.spark} hue={metric.direction === 'none' ? 'cx' : hueClass(slot)} />}
      </div>
      <div class="d">
        {value !== null && before !== null && isFinite(value - before) ? <Delta direction={metric.direction} value={value} before={before} name={run.compare!.name} id={run.compare!.run_id} show={shared} compact={compact} /> : null}
        {compact ? null : metric.best !== undefined && metric.best !== null && metric.direction !== 'none' && (metric.points ?? 0) > 1 ? <div class="cut">best {shared(metric.best)} @ {count(metric.best_step ?? 0)}</div> : <div>step {count(metric.step)}</div>}
      </div>
    </div>
  )
}

function Delta({ direction, value, before, name, id, show, compact }: { compact: boolean; direction: MetricTold['direction']; value: number; before: number; name: string; id: string; show: Format }) {
  const delta = value - before
  const tone = { 1: 'ok', '-1': 'bad', 0: 'i2' }[judged(direction, value, before)]
  if (compact) return <span class={tone} title={`${exact(delta)} against ${name}`}>{delta === 0 ? 'same' : signed(delta, show)}</span>
  return (
    <div class="cut">
      {delta === 0 ? <>as <Ref id={id} name={name} /></> : <><span class={tone} title={exact(delta)}>{signed(delta, show)}</span> {delta > 0 ? 'over' : 'under'} <Ref id={id} name={name} /></>}
    </div>
  )
}

const Ref = ({ id, name }: { id: string; name: string }) => <a href={href(`/runs/${id}`)} title={name}>{name}</a>

function Progress({ run }: { run: Overview }) {
  const { progress, info } = run
  if (!progress || !isLive(info.status)) return <div class="run-prog" />
  const share = Math.min(1, progress.step / progress.total)
  return <div class="run-prog" role="progressbar" aria-label="Steps" aria-valuemin={0} aria-valuemax={progress.total} aria-valuenow={progress.step}><i style={{ width: `${share * 100}%` }} /></div>
}
