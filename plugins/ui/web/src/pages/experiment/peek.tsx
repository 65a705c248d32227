/** One run beside the table: its numbers and texts, all of them. */
import { useResource } from '../../core/resource'
import { exact, one } from '../../core/format'
import { hueClass, slotOf } from '../../core/pegs'
import { href } from '../../core/root'
import { duration } from '../../core/times'
import { Chevron } from '../../parts/icon'
import { Peg } from '../../parts/peg'
import { Failed } from '../../parts/states'
import { Age } from '../../parts/time'

interface Answer {
  run: {
    info: { run_id: string; run_name: string; status: string; start_time: number; end_time?: number; user_id?: string }
    data: { metrics?: Pair<number>[]; params?: Pair<string>[]; tags?: Pair<string>[] }
  }
}

interface Pair<T> {
  key: string
  value: T
}

export function Peek({ run, close, turn }: { run: string; close: () => void; turn: number }) {
  const found = useResource<Answer>('/api/2.0/mlflow/runs/get', { run_id: run, turn: turn || undefined })
  const info = found.data?.run.info
  const data = found.data?.run.data
  const note = data?.tags?.find((tag) => tag.key === 'mlflow.note.content')?.value
  return (
    <aside class={`peek ${hueClass(slotOf(run))}`} aria-label="Run">
      {found.error && <Failed what="The run could not be read" error={found.error} retry={found.reload} />}
      {info && (
        <>
          <div class="top"><Peg run={run} status={info.status} size={13} /><a class="cut w5 m" href={href(`/runs/${run}`)}>{info.run_name}</a><span class="x" /><button class="btn flat" onClick={close}>close<kbd>o</kbd></button></div>
          <p class="s i2">{info.status.toLowerCase()}, {duration((info.end_time ?? Date.now()) - info.start_time)}, started <Age at={info.start_time} /> ago{info.user_id && info.user_id !== 'unknown' && ` by ${info.user_id}`}</p>
          {note && <p class="s">{note}</p>}
          <Part title="metrics" pairs={data?.metrics?.map(({ key, value }) => ({ key, value: one(Number(value)), title: exact(Number(value)) }))} />
          <Part title="params" pairs={data?.params} />
          <Part title="tags" pairs={data?.tags?.filter((tag) => !tag.key.startsWith('mlflow.'))} />
          <a class="btn" href={href(`/runs/${run}`)}>Open the run<Chevron to="right" /></a>
        </>
      )}
    </aside>
  )
}

function Part({ title, pairs }: { title: string; pairs?: { key: string; value: string; title?: string }[] }) {
  if (!pairs?.length) return null
  return (
    <section>
      <h2>{title} <span class="m i3">{pairs.length}</span></h2>
      <div class="kv">{[...pairs].sort((a, b) => a.key.localeCompare(b.key)).flatMap((pair) => [<div key={`${pair.key} k`} title={pair.key}>{pair.key}</div>, <div key={pair.key} title={pair.title ?? pair.value}>{pair.value}</div>])}</div>
    </section>
  )
}
