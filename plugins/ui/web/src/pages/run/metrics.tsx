/** All metrics of the run, or of its machine: a table, and a chart of each; thousands of names. */
import { useRef } from 'preact/hooks'
import { columnOf, count, exact, one, signed } from '../../core/format'
import { useKeys } from '../../core/keys'
import { hueClass, slotOf } from '../../core/pegs'
import { param, setQuery, withQuery } from '../../core/router'
import { rowHeight } from '../../core/theme'
import { Segments } from '../../parts/bar'
import { Chart } from '../../parts/chart/chart'
import { useSize } from '../../parts/chart/seen'
import { useChartKeys } from '../../parts/chart/view'
import { Spark } from '../../parts/spark'
import { Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import { reveal, useWindow } from '../../parts/window'
import { num } from '../../core/api'
import { hasCourse, judged, matcher, type Overview } from './data'
import { Charts, Title } from './overview'
import { smoother, smoothness } from './smooth'
import { bestOf, lastOf, namesOf, type Stats, useStats } from './use'

const WIDEST = 460
const CHART = 282

export default function Metrics({ run, system = false, turn }: { run: Overview; system?: boolean; turn: number }) {
  const all = namesOf(run, system)
  const text = param('find')
  const fits = matcher(text)
  const found = fits ? all.filter(fits) : all
  const as = param('as') || (system ? 'charts' : 'table')
  const input = useRef<HTMLInputElement>(null)
  const smooth = smoothness()
  useChartKeys()
  useKeys(system ? 'System' : 'Metrics', {
    '/': { does: 'Find metrics', run: () => input.current?.focus() },
    v: { does: as === 'table' ? 'Metrics as charts' : 'Metrics as a table', run: () => setQuery({ as: as === 'table' ? 'charts' : 'table' }) },
    s: { does: 'Smoother curves', run: () => smoother() },
  })
  if (!all.length) return <div class="dots fillup"><Nothing title={system ? 'Nothing about the machine' : 'No metric'}>{system ? <>Runs note what the machine does when they start with <span class="m">log_system_metrics=True</span>.</> : 'This run has logged no metric.'}</Nothing></div>
  return (
    <div class="run-metrics">
      <div class="cap">
        <input ref={input} class={`input find ${fits ? '' : 'wrong'}`} type="search" placeholder="words, or /regex/" aria-label="Find metrics" aria-invalid={!fits} value={text} onInput={(event) => setQuery({ find: event.currentTarget.value }, { replace: true })}
          onKeyDown={(event) => { if (event.key === 'Escape') { setQuery({ find: null }, { replace: true }); event.currentTarget.blur() } }} />
        <span class="m i3 nw">{fits ? (found.length === all.length ? count(all.length) : `${count(found.length)} of ${count(all.length)}`) : <span class="bad">not a regular expression</span>}</span>
        <span class="x" />
        {as === 'charts' && <button class="btn flat" onClick={() => smoother()}>smooth {smooth === '0' ? 'off' : smooth}<kbd>s</kbd></button>}
        <Segments label="Metrics as" items={(['table', 'charts'] as const).map((each) => ({ title: each[0]!.toUpperCase() + each.slice(1), to: withQuery({ as: each }) || '?', on: as === each }))} />
      </div>
      {!found.length ? <div class="dots fillup"><Nothing title="No metric of that name">{fits ? 'Words match anywhere; between slashes stands a regular expression.' : 'The regular expression between the slashes is not finished.'}</Nothing></div>
        : as === 'charts' ? <Grid run={run} keys={found} turn={turn} versus={!system} /> : <Listed run={run} keys={found} turn={turn} />}
    </div>
  )
}

/** Charts in as many columns as there is room; only those near what is seen are there. */
function Grid({ run, keys, turn, versus }: { run: Overview; keys: readonly string[]; turn: number; versus: boolean }) {
  const box = useRef<HTMLDivElement>(null)
  const size = useSize(box)
  const columns = Math.max(1, Math.round(size.width / WIDEST))
  const seen = useWindow(box, Math.ceil(keys.length / columns), CHART)
  const first = Math.max(0, seen.first + 6) - 6
  const shown = keys.slice(first * columns, seen.end * columns)
  return (
    <div ref={box} class="run-grid-scroll scroll dots" tabIndex={0} role="region" aria-label="Charts">
      <div style={{ height: `${Math.ceil(keys.length / columns) * CHART}px`, position: 'relative' }}>
        <div class="run-cells" style={{ top: `${first * CHART}px`, gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
          <Charts run={run} keys={shown} turn={turn} height={224} versus={versus} />
        </div>
      </div>
    </div>
  )
}

function Listed({ run, keys, turn }: { run: Overview; keys: readonly string[]; turn: number }) {
  const box = useRef<HTMLDivElement>(null)
  const height = rowHeight()
  const seen = useWindow(box, keys.length, height, height)
  const shown = keys.slice(seen.first, seen.end)
  const stats = useStats(run.info.run_id, shown.slice(0, 100), turn)
  const key = param('key')
  const at = keys.indexOf(key)
  const show = (name: string) => setQuery({ key: name === key ? null : name }, { replace: true })
  const move = (to: number) => {
    const next = keys[Math.min(keys.length - 1, Math.max(0, to))]
    if (next === undefined) return
    setQuery({ key: next }, { replace: true })
    reveal(box.current, keys.indexOf(next), height, height)
  }
  useKeys('Rows', {
    j: { does: 'Next metric', run: () => move(at + 1), quiet: true },
    ArrowDown: { does: 'Next metric', run: () => move(at + 1), quiet: true },
    k: { does: 'Metric before', run: () => move(at - 1), quiet: true },
    ArrowUp: { does: 'Metric before', run: () => move(at - 1), quiet: true },
    Escape: key ? { does: 'Close the chart', run: () => setQuery({ key: null }, { replace: true }) } : undefined,
  })
  const other = run.compare
  return (
    <div class="run-listed">
      <div ref={box} class="scroll" tabIndex={0} role="region" aria-label="Metrics">
        <table class="run-stats" aria-rowcount={keys.length + 1}>
          <thead>
            <tr>
              <th>metric</th><th class="r">last</th>{other && <th class="r" title={`against ${other.name}, the best before`}>against</th>}<th class="r">best</th><th class="r">at step</th><th class="r">min</th><th class="r">max</th><th class="r">points</th><th class="r">step</th><th>course</th><th class="r">heard</th>
            </tr>
          </thead>
          <tbody>
            {seen.first > 0 && <tr class="gap" aria-hidden="true"><td style={{ height: `${seen.first * height}px` }} /></tr>}
            {shown.map((name, i) => <Row key={name} run={run} name={name} stats={stats.get(name)} on={name === key} index={seen.first + i} show={show} />)}
            {seen.end < keys.length && <tr class="gap" aria-hidden="true"><td style={{ height: `${(keys.length - seen.end) * height}px` }} /></tr>}
          </tbody>
        </table>
      </div>
      {at >= 0 && (
        <div class="one">
          <Chart keys={[key]} turn={turn} height={300} title={<Title name={key} value={num(run.metrics[key]!.last)} />} runs={[{ id: run.info.run_id, name: run.info.name, status: run.info.status }, ...(other && key in other.metrics ? [{ id: other.run_id, name: other.name, status: other.status }] : [])]} quiet={other ? [other.run_id] : []} />
        </div>
      )}
    </div>
  )
}

function Row({ run, name, stats, on, index, show }: { run: Overview; name: string; stats: Stats | undefined; on: boolean; index: number; show: (name: string) => void }) {
  const metric = run.metrics[name]!
  const last = lastOf(metric)
  const best = bestOf(metric, stats)
  const before = run.compare && name in run.compare.metrics ? num(run.compare.metrics[name]) : null
  const sizes = [last, best, stats?.min, stats?.max].map((each) => Math.abs(each ?? 0)).filter((each) => Number.isFinite(each))
  // A shared exponent would make 1.46e-5 to 0.146e-4.
  const format = Math.max(...sizes) < 1e-3 || Math.max(...sizes) >= 1e6 ? one : columnOf([last, best, stats?.min, stats?.max], { zero: true })
  const delta = last !== null && before !== null ? last - before : null
  const tone = delta === null || before === null ? '' : { 1: 'ok', '-1': 'bad', 0: 'i2' }[judged(metric.direction, last!, before)]
  return (
    <tr class={on ? 'pick' : ''} aria-rowindex={index + 2} onClick={() => show(name)}>
      <td title={name}><button class="run-plain cut" aria-pressed={on} onClick={(event) => { event.stopPropagation(); show(name) }}>{name}</button></td>
      <td class="r" title={exact(last)}>{format(last)}</td>
      {run.compare && <td class={`r ${tone}`} title={before === null ? '' : `${run.compare.name}: ${exact(before)}`}>{delta === null || !Number.isFinite(delta) ? <span class="i3">–</span> : delta === 0 ? 'same' : signed(delta, format)}</td>}
      <td class="r" title={exact(best)}>{format(best)}</td>
      <td class="r i2">{metric.best_step === undefined || metric.best_step === null ? <span class="i3">–</span> : count(metric.best_step)}</td>
      <td class="r i2" title={exact(stats?.min)}>{format(stats?.min)}</td>
      <td class="r i2" title={exact(stats?.max)}>{format(stats?.max)}</td>
      <td class="r i2">{stats ? count(stats.points) : metric.points === undefined ? '' : count(metric.points)}</td>
      <td class="r i2">{count(metric.step)}</td>
      <td>{metric.spark && hasCourse(metric) && <Spark values={metric.spark} width={96} height={16} hue={hueClass(slotOf(run.info.run_id))} />}</td>
      <td class="r i3"><Age at={metric.time} /></td>
    </tr>
  )
}
