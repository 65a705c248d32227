/** Where a model is worst: what the evaluator `cohorts` found, the surest first. */
import { num } from '../../core/api'
import { columnOf, count, exact } from '../../core/format'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { setQuery, withQuery } from '../../core/router'
import { useRowCursor } from '../../parts/cursor'
import { Failed } from '../../parts/states'
import type { Answer } from './rows'

interface Table {
  columns: { name: string; type: string }[]
  rows: Record<string, (string | number | null)[]>
  rows_total: number | null
}

const MOST = 500
/** What columns of the table are called here. */
const TITLES: Record<string, string> = { sure_difference: 'surely worse by', difference: 'worse by', elsewhere: 'elsewhere' }

const rowsOf = (slice: string) => ({ view: null, slice, show: null, metric: null, sort: null, by: null })

export function Slices({ answer }: { answer: Answer }) {
  const { worst, cohorts } = answer.slices
  return (
    <div class="scroll dots ev-slices" tabIndex={0} role="region" aria-label="Slices">
      {worst && <Sheet title="Worst slices" run={answer.run.run_id} path={worst} first keyOf={(table, i) => String(table.rows.slice?.[i] ?? '')} hidden={['slice']} />}
      {!worst && <p class="ev-note">In no slice is the model surely worse than elsewhere.</p>}
      {cohorts && <Sheet title="All groups" run={answer.run.run_id} path={cohorts} first={!worst} keyOf={(table, i) => `${table.rows.column?.[i]}=${table.rows.value?.[i]}`} hidden={['column', 'value']} />}
    </div>
  )
}

interface SheetProps {
  title: string
  run: string
  path: string
  first: boolean
  keyOf: (table: Table, row: number) => string
  hidden: string[]
}

function Sheet({ title, run, path, first, keyOf, hidden }: SheetProps) {
  const found = useResource<Table>('artifacts/table', { run_id: run, path, limit: MOST })
  const table = found.data
  const rows = table ? (Object.values(table.rows)[0]?.length ?? 0) : 0
  if (found.error && !table) return <Failed what={`${title} could not be read`} error={found.error} retry={found.reload} />
  if (!table) return null
  const columns = table.columns.filter((column) => !hidden.includes(column.name))
  const formats = columns.map((column) => columnOf((table.rows[column.name] ?? []).map((value) => num(value as number)), { zero: true }))
  const order = [...Array(rows).keys()]
  const sure = table.rows.sure_difference
  if (sure) order.sort((a, b) => Number(sure[b]) - Number(sure[a]))
  const greatest = Math.max(...(sure ?? []).map(Number), 0)
  return (
    <section>
      <h2 class="ev-note">{title} <span class="m i3">{count(rows)}</span></h2>
      <table class="auto">
        <thead><tr><th>slice</th>{columns.map((column) => <th key={column.name} class="r" title={column.name}>{TITLES[column.name] ?? column.name}</th>)}{sure && <th class="bars">surely worse</th>}</tr></thead>
        <Body order={order} cursor={first} open={(i) => setQuery(rowsOf(keyOf(table, i)))} row={(i, on) => (
          <tr key={i} class={on ? 'at' : ''}>
            <td><a class="link" href={href('/evaluate') + withQuery(rowsOf(keyOf(table, i)))}>{keyOf(table, i)}</a></td>
            {columns.map((column, n) => { const value = num(table.rows[column.name]?.[i] as number); return <td key={column.name} class="r" title={exact(value)}>{formats[n]!(value)}</td> })}
            {sure && <td class="bars"><span class="ev-bars"><i class="lost" style={{ flexGrow: Number(sure[i]) }} /><i class="none" style={{ flexGrow: greatest - Number(sure[i]) }} /></span></td>}
          </tr>
        )} />
      </table>
    </section>
  )
}

function Body({ order, cursor, open, row }: { order: number[]; cursor: boolean; open: (i: number) => void; row: (i: number, on: boolean) => preact.ComponentChildren }) {
  const at = useRowCursor('Slices', cursor ? order.length : 0, (index) => open(order[index]!))
  return <tbody>{order.map((i, place) => row(i, cursor && place === at))}</tbody>
}
