/** The first tab: the curves that matter beside what went in. */
import { useState } from 'preact/hooks'
import { num } from '../../core/api'
import { columnOf, count, exact } from '../../core/format'
import { useKeys } from '../../core/keys'
import { param, setQuery } from '../../core/router'
import { Chart } from '../../parts/chart/chart'
import { useChartKeys } from '../../parts/chart/view'
import { EASED, LONG, smoother, smoothness } from './smooth'
import { Empty } from '../../parts/states'
import { Aside, type AsideProps } from './aside'
import { hasCourse, isLive, type Overview as Run, ranked } from './data'

const FIRST_CHARTS = 6
const MOST_CHARTS = 24

export interface ChartsProps {
  run: Run
  keys: readonly string[]
  turn: number
  height?: number
  versus: boolean
  /** Long curves are smooth, as long as the address says nothing else. */
  eased?: boolean
}

/** Charts of metrics, each with the reference in grey. */
export function Charts({ run, keys, turn, height = 232, versus, eased = false }: ChartsProps) {
  const atFirst = eased ? EASED : '0'
  const own = { id: run.info.run_id, name: run.info.name, status: run.info.status }
  const other = versus && run.compare ? { id: run.compare.run_id, name: run.compare.name, status: run.compare.status } : undefined
  return (
    <>
      {keys.map((key) => (
        <Chart key={key} keys={[key]} turn={turn} height={height} smooth={isPlain(run, key) && !param('smooth') ? 0 : Number(smoothness(atFirst))} title={<Title name={key} value={num(run.metrics[key]!.last)} />} {...(other && key in run.compare!.metrics ? { runs: [own, other], quiet: [other.id] } : { runs: [own] })} />
      ))}
    </>
  )
}

/** A short curve, and one that is set and not measured, is not made smooth at first. */
const isPlain = (run: Run, key: string): boolean => (run.metrics[key]!.points ?? 0) < LONG || run.metrics[key]!.direction === 'none'

/** The run's own value: that of the reference stands in the list at the pointer. */
export function Title({ name, value }: { name: string; value: number | null }) {
  return <><h2 class="cut" title={name}>{name}</h2><span class="v" title={exact(value)}>{columnOf([value])(value)}</span></>
}

export default function Overview({ turn, ...rest }: AsideProps & { turn: number }) {
  const { run } = rest
  const [most, setMost] = useState(FIRST_CHARTS)
  useChartKeys()
  useKeys('Overview', { s: { does: 'Smoother curves', run: () => smoother(EASED) } })
  const order = ranked(run)
  const keys = order.filter((key) => hasCourse(run.metrics[key]!))
  const single = order.filter((key) => !hasCourse(run.metrics[key]!))
  const shown = keys.slice(0, most)
  return (
    <div class="run-cols">
      <div class="run-cells scroll dots" tabIndex={0} role="region" aria-label="Curves">
        {!order.length && (isLive(run.info.status) ? <Empty title="No numbers yet" experiment={run.info.experiment} /> : <p class="s hint">This run has logged no metric.</p>)}
        <Charts run={run} keys={shown} turn={turn} versus eased />
        {keys.length > shown.length && (
          <div class="more"><button class="btn" onClick={() => (most < MOST_CHARTS ? setMost(MOST_CHARTS) : setQuery({ tab: 'metrics' }))}>{most < MOST_CHARTS ? `${count(Math.min(keys.length, MOST_CHARTS) - shown.length)} more charts` : `All ${count(keys.length)} metrics`}</button></div>
        )}
        {!keys.length && single.length > 0 && <p class="s hint">Each metric has one value only, so there is no curve. <button class="link" onClick={() => setQuery({ tab: 'metrics' })}>All {count(single.length)} as a table</button></p>}
      </div>
      <Aside {...rest} />
    </div>
  )
}
