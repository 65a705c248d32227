/** What models answer: a column each, a row for each of the inputs. */
import { useState } from 'preact/hooks'
import type { CSSProperties } from 'preact'
import { count } from '../../core/format'
import { Float } from '../../parts/menu'
import { Chevron } from '../../parts/icon'
import { valueOf } from '../../parts/prompt/template'
import { secs, usd } from '../../parts/gateway/money'
import { type Cell, isOpen, MARKS } from './answering'
import { brief, type Column, MOST_COLUMNS, parametersOf } from './columns'
import { meansOf, type Said as Verdict, numberOf, shownValue } from './scores'
import { leastOf, rowText, totalOf, type Total } from './rows'

export interface ResultsProps {
  columns: readonly Column[]
  names: readonly string[]
  /** Endpoints that answer chats. */
  endpoints: readonly string[]
  rows: readonly { id: string; inputs: Record<string, string> }[]
  cells: ReadonlyMap<string, Cell>
  /** With a data set each row says what went in. */
  many: boolean
  /** What the other text is called whose answers stand below; '' shows none. */
  against: string
  change: (at: number, column: Column | undefined) => void
  rate: (id: string, mark: number) => void
  add: (() => void) | undefined
}

export const idOf = (row: number, column: number, other = false): string => `${row}/${column}${other ? '/other' : ''}`

/** In one column the figures of a model stand below its name. */
const orderOf = (place: number) => ({ '--o': place }) as CSSProperties

const dash = <span class="i3">–</span>

export function Results({ columns, names, endpoints, rows, cells, many, against, change, rate, add }: ResultsProps) {
  const of = (column: number) => rows.flatMap((_, row) => cells.get(idOf(row, column)) ?? [])
  const totals = columns.map((_, column) => totalOf(of(column)))
  const best = (key: keyof Total) => leastOf(totals.map((total) => total[key]))
  const bests = { first: best('first'), took: best('took'), usd: best('usd'), mark: leastOf(totals.map((total) => (total.mark === undefined ? undefined : -total.mark))) }
  return (
    <div class="pl-right" tabIndex={0} role="region" aria-label="Answers">
      <div class="pl-grid" style={{ '--n': columns.length } as CSSProperties}>
        {columns.map((column, i) => <Head key={i} column={column} at={i} endpoints={endpoints} change={change} isLast={columns.length === 1} />)}
        {columns.map((column, i) => <Figures key={i} column={column} cells={of(i)} others={against ? rows.flatMap((_, row) => cells.get(idOf(row, i, true)) ?? []) : []} against={against} rows={rows.length} total={totals[i]!} at={i} bests={bests} />)}
        {rows.map((row, r) => (
          <div key={row.id} class="pl-row">
            {many && <p class="pl-in" title={rowText(names, row.inputs)}><span class="w5">{r + 1}</span> {names.map((name) => <span key={name}><span class="i3">{name}</span> {valueOf(row.inputs, name) ?? dash} </span>)}</p>}
            {columns.map((column, c) => <Answer key={c} column={column} id={idOf(r, c)} row={many ? r + 1 : 0} cell={cells.get(idOf(r, c))} rate={rate} other={against ? cells.get(idOf(r, c, true)) : undefined} against={against} small={many} />)}
          </div>
        ))}
      </div>
      {add && columns.length < MOST_COLUMNS && <div class="pl-add"><button class="btn flat" onClick={add}>add a model<kbd>a</kbd></button></div>}
    </div>
  )
}

function Head({ column, at, endpoints, change, isLast }: { column: Column; at: number; endpoints: readonly string[]; change: ResultsProps['change']; isLast: boolean }) {
  const [open, setOpen] = useState<Element>()
  const { wrong } = parametersOf(column)
  const set = (more: Partial<Column>) => change(at, { ...column, ...more })
  return (
    <div class={`pl-head ${at ? '' : 'one'}`} style={orderOf(2 * at)}>
      <span class="pl-pick"><select aria-label={`Model ${at + 1}`} value={column.endpoint} onChange={(event) => set({ endpoint: event.currentTarget.value })}>{[...new Set([...endpoints, column.endpoint])].map((name) => <option key={name} value={name}>{name}</option>)}</select><Chevron /></span>
      <span class="x" />
      <button class={`pl-how ${wrong ? 'bad' : ''}`} aria-haspopup="dialog" aria-label={`How ${column.endpoint} answers: ${brief(column)}`} onClick={(event) => setOpen(event.currentTarget)}>{brief(column)}<Chevron /></button>
      {open && (
        <Float at={open} close={() => setOpen(undefined)} label={`How ${column.endpoint} answers`} role="dialog" className="pl-params">
          <label class="lab">Temperature<input class="input" inputMode="decimal" value={column.temperature} placeholder="as the model has it" onInput={(event) => set({ temperature: event.currentTarget.value })} /></label>
          <label class="lab">Most tokens<input class="input" inputMode="numeric" value={column.tokens} placeholder="as the model has it" onInput={(event) => set({ tokens: event.currentTarget.value })} /></label>
          <label class="lab">Stop at, a text a line<textarea class="input" rows={2} value={column.stop} onInput={(event) => set({ stop: event.currentTarget.value })} /></label>
          {wrong && <p class="bad" role="alert">{wrong}</p>}
          <div class="do">{!isLast && <button class="btn flat danger" onClick={() => { setOpen(undefined); change(at, undefined) }}>take it away</button>}<span class="x" /><button class="btn" onClick={() => setOpen(undefined)}>done<kbd>esc</kbd></button></div>
        </Float>
      )}
    </div>
  )
}

function Figures({ column, cells, others, against, rows, total, at, bests }: { column: Column; cells: readonly Cell[]; others: readonly Cell[]; against: string; rows: number; total: Total; at: number; bests: Record<string, number> }) {
  const open = cells.some(isOpen)
  const good = (key: string) => (bests[key] === at && !open ? 'ok' : '')
  const before = meansOf(others)
  return (
    <div role="group" class={`pl-figures ${at ? '' : 'one'}`} style={orderOf(2 * at + 1)} aria-label={`What ${column.endpoint} took`}><dl>
      <div><dt>first{rows > 1 && ', mean'}</dt><dd class={good('first')}>{total.first === undefined ? dash : `${secs(total.first)} s`}</dd></div>
      <div><dt>total{rows > 1 && ', mean'}</dt><dd class={good('took')}>{total.took === undefined ? dash : `${secs(total.took)} s`}</dd></div>
      <div><dt>tokens</dt><dd>{total.tokens === undefined ? dash : count(total.tokens)}</dd></div>
      {total.mark !== undefined && <div><dt>rating{rows > 1 && ', mean'}</dt><dd class={good('mark')}>{+total.mark.toFixed(2)}</dd></div>}
      {[...meansOf(cells)].map(([name, mean]) => <div key={name}><dt>{name}{rows > 1 && ', mean'}</dt><dd>{mean === undefined ? dash : +mean.toFixed(2)}{before.get(name) !== undefined && <span class="i3" title={`With ${others[0]?.job.of || against}`}> {+before.get(name)!.toFixed(2)}</span>}</dd></div>)}
      <div><dt>cost</dt><dd class={good('usd')} title={total.usd === null ? 'Nobody knows the price of this model.' : undefined}>{total.usd === undefined ? dash : usd(total.usd)}</dd></div>
    </dl></div>
  )
}

function Answer({ column, id, row, cell, other, against, small, rate }: { column: Column; id: string; row: number; cell: Cell | undefined; other: Cell | undefined; against: string; small: boolean; rate: ResultsProps['rate'] }) {
  const label = `Answer of ${column.endpoint}${row ? ` to row ${row}` : ''}`
  const asked = other?.job.of || against
  return (
    <div class={`pl-cell ${small ? 'small' : ''}`} data-answer={id}>
      <span class="pl-of" aria-hidden="true">{column.endpoint}</span>
      <Said cell={cell} label={label} />
      <Scores cell={cell} label={label} />
      {cell?.state === 'done' && <Marks of={label} mark={cell.mark} rate={(mark) => rate(id, mark)} />}
      {against && other && <div class="pl-other"><p class="m i3">{asked}</p><Said cell={other} label={`${label}, with ${asked}`} /><Scores cell={other} label={`${label}, with ${asked}`} /></div>}
    </div>
  )
}

/** What scorers say of it; why is a click away. */
function Scores({ cell, label }: { cell: Cell | undefined; label: string }) {
  if (!cell?.scores?.size) return null
  const all = [...cell.scores.values()]
  const waiting = all.filter((each) => each.state === 'waits').length
  return (
    <div class="pl-scores" role="group" aria-label={`Scores of the ${label.charAt(0).toLowerCase()}${label.slice(1)}`} aria-busy={waiting > 0}>
      {all.flatMap(({ said }) => said).map((each, i) => <Score key={i} said={each} />)}
      {waiting > 0 && <p class="i3">{waiting > 1 ? `${waiting} scorers judge it` : 'a scorer judges it'}</p>}
    </div>
  )
}

function Score({ said: { name, value, rationale, error } }: { said: Verdict }) {
  const why = error || rationale
  const shown = <>{name} <span class={error ? 'bad' : numberOf(value) === 0 ? 'bad w5' : 'w5'}>{error ? 'no score' : value === null ? '–' : shownValue(value)}</span></>
  return why ? <details><summary>{shown}</summary><p class="s">{why}</p></details> : <p>{shown}</p>
}

/** How good it is, from 1 to 5; it is kept with the run. */
function Marks({ of, mark, rate }: { of: string; mark: number | undefined; rate: (mark: number) => void }) {
  return (
    <div class="pl-marks" role="group" aria-label={`Rating of the ${of.charAt(0).toLowerCase()}${of.slice(1)}`}>
      <span class="i3">rating</span>
      {MARKS.map((each) => <button key={each} aria-pressed={mark === each} aria-label={`${each} of 5`} onClick={() => rate(each)}>{each}</button>)}
    </div>
  )
}

const STATES: Record<Cell['state'], string> = { queued: 'waits its turn', waits: 'waits for the first token', comes: '', done: '', stopped: 'stopped', failed: '' }

function Said({ cell, label }: { cell: Cell | undefined; label: string }) {
  if (!cell) return <div class="pl-said" role="group" aria-label={label} />
  const { error } = cell
  return (
    <div class="pl-said" role="group" aria-label={label} aria-busy={isOpen(cell)}>
      {cell.text && <div class="pl-text">{cell.text}{cell.state === 'comes' && <span class="pl-caret" />}</div>}
      {error && <div class="pl-broken" role="alert"><p class="bad w5">{cell.text ? 'It broke off here' : 'No answer'}</p><p>{error.message} {error.hint}</p>{error.requestId && <p class="m i3">request {error.requestId}</p>}</div>}
      {cell.state === 'done' && !cell.text && <p class="i3">No text came.</p>}
      <p class="pl-note">{[STATES[cell.state], cell.isCut && 'cut at its most tokens', cell.state === 'done' && cell.tokens && `${count(cell.tokens.input)} in, ${count(cell.tokens.output)} out`].filter(Boolean).join(', ')}</p>
    </div>
  )
}
