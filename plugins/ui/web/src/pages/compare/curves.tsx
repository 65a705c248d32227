/** The curves of the runs laid over each other, metric by metric; a figure is made when it is scrolled to. */
import { useState } from 'preact/hooks'
import { plural } from '../../core/format'
import { Chart } from '../../parts/chart/chart'
import { keyOf, type Row, type Run } from './rows'

/** As many as leave room for what stands below. */
const FIRST = 4
const FIRST_OF_MUCH = 2
const MORE = 24

export function Curves({ runs, rows, headline, turn, much }: { runs: Run[]; rows: readonly Row[]; headline: string | null; turn: number; much: boolean }) {
  const [more, setMore] = useState(0)
  const shown = (much ? FIRST_OF_MUCH : FIRST) + more
  const keys = curveKeys(rows, headline)
  const chartRuns = runs.map((run) => ({ id: run.run_id, name: run.name, status: run.status }))
  return (
    <>
      {keys.length > 0 && <h2 class="sr">Curves</h2>}
      {keys.slice(0, shown).map((key) => <Chart key={key} runs={chartRuns} keys={[key]} turn={turn} />)}
      {keys.length > shown && <p class="cmp-note"><button class="link" onClick={() => setMore(more + MORE)}>{plural(keys.length - shown, 'more curve')}</button></p>}
    </>
  )
}

/** Metrics in the order in which their curves stand: the headline, the others, those of the machine. */
export function curveKeys(rows: readonly Row[], headline: string | null): string[] {
  const rank = (key: string) => (key === headline ? 0 : key.startsWith('system/') ? 2 : 1)
  return rows.filter((row) => row.kind === 'metrics').map((row) => keyOf(row.column)).sort((a, b) => rank(a) - rank(b))
}
