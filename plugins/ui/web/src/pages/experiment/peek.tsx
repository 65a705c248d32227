/** One run beside the table: its numbers with their course, against the best run before it; its texts. */
import { type Num, num } from '../../core/api'
import { useResource } from '../../core/resource'
import { columnOf, count, exact, one, signed } from '../../core/format'
import { hueClass, slotOf } from '../../core/pegs'
import { href } from '../../core/root'
import { duration } from '../../core/times'
import { Chevron } from '../../parts/icon'
import { Peg } from '../../parts/peg'
import { Prose } from '../../parts/prose-view'
import { Spark } from '../../parts/spark'
import { Failed } from '../../parts/states'
import { Age } from '../../parts/time'

interface Metric {
  last: Num
  direction: 'max' | 'min' | 'none'
  points?: number
  spark?: Num[]
}

interface Answer {
  info: { run_id: string; name: string; status: string; start_time: number; end_time: number | null; user: string }
  metrics: Record<string, Metric>
  params: Record<string, string>
  tags: Record<string, string>
  artifacts: { total: number; all: { count: number } | null }
  children: number
  compare: { run_id: string; name: string; metrics: Record<string, Num>; params: Record<string, string> } | null
}

const MOST = 40

export function Peek({ run, close, turn }: { run: string; close: () => void; turn: number }) {
  const found = useResource<Answer>('runs/overview', { run_id: run, sparks: MOST, turn: turn || undefined })
  const data = found.data
  const info = data?.info
  return (
    <aside class={`peek ${hueClass(slotOf(run))}`} tabIndex={0} aria-label="Run">
      {found.error && <Failed what="The run could not be read" error={found.error} retry={found.reload} />}
      {data && info && (
        <>
          <div class="top"><Peg run={run} status={info.status} size={13} /><a class="cut w5 m" href={href(`/runs/${run}`)} title={info.name}>{info.name}</a><span class="x" /><button class="btn flat" onClick={close}>close<kbd>o</kbd></button></div>
          <p class="s i2">{info.status.toLowerCase()}, {duration((info.end_time ?? Date.now()) - info.start_time)}, started <Age at={info.start_time} /> ago{info.user && info.user !== 'unknown' && ` by ${info.user}`}</p>
          {data.tags['mlflow.note.content'] && <Prose text={data.tags['mlflow.note.content']} />}
          <Metrics run={data} />
          <Params run={data} />
          <Part title="tags" pairs={Object.entries(data.tags).filter(([key]) => !/^(mlflow|pegboard)\./.test(key))} />
          <a class="btn" href={href(`/runs/${run}`)}>Open the run<Chevron to="right" /></a>
        </>
      )}
    </aside>
  )
}

function Metrics({ run }: { run: Answer }) {
  const keys = Object.keys(run.metrics).filter((key) => !key.startsWith('system/'))
  if (!keys.length) return null
  return (
    <section>
      <h2>metrics <span class="m i3">{count(keys.length)}{run.compare && `, against ${run.compare.name}`}</span></h2>
      <div class="kv peek-metrics">
        {keys.slice(0, MOST).map((key) => {
          const metric = run.metrics[key]!
          const value = num(metric.last)
          const before = num(run.compare?.metrics[key])
          return [
            <span key={`${key} k`} title={key}>{key}</span>,
            <span key={key} title={exact(value)}>
              {metric.spark && (metric.points ?? 0) > 1 && <Spark values={metric.spark} width={56} height={16} hue={metric.direction === 'none' ? 'cx' : hueClass(slotOf(run.info.run_id))} dot={false} />}
              {value !== null && before !== null && Number.isFinite(value - before) && value !== before && <Delta direction={metric.direction} value={value} before={before} />}
              <b>{one(value)}</b>
            </span>,
          ]
        })}
      </div>
      {keys.length > MOST && <p class="s i3">{count(keys.length - MOST)} more are on the run's page.</p>}
    </section>
  )
}

function Delta({ direction, value, before }: { direction: Metric['direction']; value: number; before: number }) {
  const tone = direction === 'none' ? 'i3' : value > before === (direction === 'max') ? 'ok' : 'bad'
  return <span class={tone}>{signed(value - before, columnOf([value, before]))}</span>
}

function Params({ run }: { run: Answer }) {
  const before = run.compare?.params
  const pairs = Object.entries(run.params).sort(([a], [b]) => a.localeCompare(b))
  if (!pairs.length) return null
  return (
    <section>
      <h2>params <span class="m i3">{count(pairs.length)}</span></h2>
      <div class="kv">
        {pairs.map(([key, value]) => [
          <span key={`${key} k`} title={key}>{key}</span>,
          <span key={key} title={value}>{before && before[key] !== value ? <span class="hot peek-hot">{value}{before[key] !== undefined && <span class="i2"> was {before[key]}</span>}</span> : value}</span>,
        ])}
      </div>
    </section>
  )
}

function Part({ title, pairs }: { title: string; pairs: [string, string][] }) {
  if (!pairs.length) return null
  return (
    <section>
      <h2>{title} <span class="m i3">{pairs.length}</span></h2>
      <div class="kv">{pairs.sort(([a], [b]) => a.localeCompare(b)).flatMap(([key, value]) => [<span key={`${key} k`} title={key}>{key}</span>, <span key={key} title={value}>{value}</span>])}</div>
    </section>
  )
}
