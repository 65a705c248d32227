/** One row, whole: what went in, what each run made of it, and what scorers said, and why. */
import { exact, one } from '../../core/format'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { hasRoute, param } from '../../core/router'
import { previewUrl } from '../../parts/artifact/source'
import { Differing } from '../../parts/differing'
import { Peg } from '../../parts/peg'
import { Picture } from '../../parts/picture'
import { lazily } from '../../parts/lazy'
import type { Assessment } from '../../parts/review/assessment'
import { Failed } from '../../parts/states'
import { wordOf } from './cells'
import { type Answer, brokenIn, type Cell, isPicture, type Measure, type Pair, textOf } from './rows'

const Questions = lazily('The questions', () => import('../../parts/review/questions'))

interface Whole {
  id: string
  trace: string | null
  cells: Record<string, Cell>
  why: Record<string, string>
  errors: Record<string, string>
}

const wordsOf = (value: unknown): string => (typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value, null, 1))

export function Detail({ pair, answers, measures, differs, close }: { pair: Pair; answers: readonly Answer[]; measures: readonly Measure[]; differs: boolean; close: () => void }) {
  const first = pair.at.findIndex((at) => at >= 0)
  return (
    <aside class="ev-side" aria-label="The row" tabIndex={0}>
      <div class="h"><h2>row {pair.at[first]! + 1}</h2><span class="x" /><button class="btn flat" onClick={close}>close<kbd>esc</kbd></button></div>
      <One key={`${pair.id} ${answers[first]!.run.run_id}`} pair={pair} run={first} answers={answers} measures={measures} differs={differs} head />
      {pair.at.map((at, run) => run !== first && at >= 0 && <One key={`${pair.id} ${answers[run]!.run.run_id}`} pair={pair} run={run} answers={answers} measures={measures} differs={differs} against={first} />)}
    </aside>
  )
}

function One({ pair, run, answers, measures, differs, against, head = false }: { pair: Pair; run: number; answers: readonly Answer[]; measures: readonly Measure[]; differs: boolean; against?: number; head?: boolean }) {
  const answer = answers[run]!
  const at = pair.at[run]!
  const table = param('table')
  const asked = useResource<Whole>('evaluations/row', { run_id: answer.run.run_id, row: at, table })
  const other = useResource<Whole>(against === undefined ? null : 'evaluations/row', against === undefined ? {} : { run_id: answers[against]!.run.run_id, row: pair.at[against]!, table })
  const whole = asked.data?.id === answer.ids[at] ? asked.data : undefined
  const cellOf = (name: string, values: Cell[]): Cell => whole?.cells[name] ?? values[at] ?? null
  const output = answer.columns.find((column) => column.role === 'output')
  const target = answer.columns.find((column) => column.role === 'target')
  const said = output && wordsOf(cellOf(output.name, output.values))
  const outputBefore = against === undefined ? undefined : answers[against]!.columns.find((column) => column.role === 'output')
  // Against the first run's answer; the first one's against what was expected.
  const before = outputBefore ? wordsOf(other.data?.cells[outputBefore.name]) : head && target ? wordsOf(cellOf(target.name, target.values)) : ''
  const trace = whole?.trace ?? answer.traces[at]
  return (
    <section>
      {asked.error && !whole && <Failed what="The row could not be read whole" error={asked.error} retry={asked.reload} />}
      {head && answer.columns.filter((column) => column.role !== 'output').map((column) => {
        const cell = cellOf(column.name, column.values)
        return <div key={column.name}><h3>{column.name}</h3>{isPicture(cell) ? <Picture src={previewUrl({ run: answer.run.run_id, model: '' }, cell.whole)} alt={cell.whole} /> : <pre class={column.role === 'target' ? 'i2' : ''}>{wordsOf(cell) || '–'}</pre>}</div>
      })}
      <h3 class="of"><Peg run={answer.run.run_id} status={answer.run.status} /><span class="ink">{answer.run.name}</span>{brokenIn(answer).has(at) && <span class="bad">failed</span>}<span class="x" />{trace && hasRoute('/traces') && <a class="link" href={href(`/traces/${encodeURIComponent(trace)}`)}>its trace</a>}</h3>
      {output && (differs && before && said ? <Differing before={before} after={said} to={against === undefined ? 'what was expected' : answers[against]!.run.name} /> : isPicture(cellOf(output.name, output.values)) ? <Picture src={previewUrl({ run: answer.run.run_id, model: '' }, textOf(cellOf(output.name, output.values)))} alt={output.name} /> : <pre>{said || '–'}</pre>)}
      {measures.map((measure) => {
        const score = measure.of[run]
        if (!score) return null
        const error = whole?.errors[measure.name] ?? score.errors[at]
        const why = whole?.why[measure.name] ?? score.why[at]
        const cell = score.values[at]
        if (error === undefined && why === undefined && (cell === null || cell === undefined)) return null
        const { text, bad } = wordOf(measure, cell, one)
        return <div key={measure.name} class="ev-said"><div><span class="w5">{measure.name}</span><span class="x" />{error === undefined ? <span class={bad ? 'bad w5' : ''} title={typeof cell === 'number' ? exact(cell) : undefined}>{text}</span> : <span class="bad">error</span>}</div>{error !== undefined && <p class="bad">{error}</p>}{why && <p class="s">{why}</p>}</div>
      })}
      {trace && <Asked traceId={trace} changed={asked.reload} />}
    </section>
  )
}

interface Judged {
  info: { experiment_id: string }
  assessments: Assessment[]
}

/** What the experiment asks people of each trace, to be answered here. */
function Asked({ traceId, changed }: { traceId: string; changed: () => void }) {
  const found = useResource<Judged>('traces/overview', { trace_id: traceId })
  if (!found.data) return null
  return <Questions experimentId={found.data.info.experiment_id} traceId={traceId} assessments={found.data.assessments} reload={() => { found.reload(); changed() }} />
}
