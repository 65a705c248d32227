/** A sweep: how far it is, its best trial, and all trials as parallel coordinates. */
import { num } from '../../core/api'
import { count, exact, one, plural } from '../../core/format'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { param, setQuery } from '../../core/router'
import { useEffect } from 'preact/hooks'
import { below } from '../../parts/below'
import type { Dots } from '../../parts/chart/axis'
import { Plot } from '../../parts/chart/plot'
import { Peg } from '../../parts/peg'
import { Failed } from '../../parts/states'
import type { Overview } from './data'
import type { Sweep } from './trials'

const MOST_DOTS = 500
const MOST_AXES = 9

export default function SweepPicture({ run, sweep, turn }: { run: Overview; sweep: Sweep; turn: number }) {
  const q = param('q')
  const columns = sweep.columns.length > MOST_AXES ? [...sweep.columns.slice(0, MOST_AXES - 1), sweep.columns.at(-1)!] : sweep.columns
  const found = useResource<Dots & { matched: number }>('runs/table', { experiment_ids: [run.info.experiment_id], q: below(run.info.run_id, q), cols: columns, sort: sweep.sort, limit: MOST_DOTS })
  useEffect(() => { if (turn) found.reload() }, [turn])
  const best = num(run.metrics[`best_${sweep.metric}`]?.last ?? null)
  const name = found.data?.names[found.data.ids.indexOf(sweep.best)] ?? 'its best trial'
  return (
    <div class="run-sweep">
      <p class="s">
        {sweep.method} search, {count(run.children)} of {plural(sweep.cap, 'trial')}
        {sweep.best && best !== null && <>; best: <a class="link" href={href(`/runs/${sweep.best}`)}><Peg run={sweep.best} status="FINISHED" /> {name}</a>, {sweep.metric} <span class="m" title={exact(best)}>{one(best)}</span></>}
        {q && <button class="btn flat" onClick={() => setQuery({ q: null })}>All trials</button>}
      </p>
      {found.error && !found.data && <Failed what="The trials could not be read" error={found.error} retry={found.reload} />}
      {found.data && columns.length > 1 && <Plot kind="parallel" columns={columns} dots={found.data} matched={found.data.matched} title={<h2>Parameters of trials</h2>} falls={sweep.falls} height={280} q={q} ask={(next) => setQuery({ q: next })} />}
    </div>
  )
}
