/** The table of a comparison: keys down and runs across, or transposed. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { lit } from '../../core/pegs'
import { setQuery } from '../../core/router'
import { rowHeight } from '../../core/theme'
import { Float, MenuItem } from '../../parts/menu'
import { Peg } from '../../parts/peg'
import { reveal, useWindow, type Window } from '../../parts/window'
import { type Answer, bestOf, deltaOf, formatOf, isOdd, type Item, plainOf, type Row, type Run, textOf, titleOf } from './rows'

const HEAD = 40
const isNarrow = matchMedia('(max-width: 600px)').matches
const KEY_WIDTH = isNarrow ? 112 : 148
const LETTER = 7.22

/** Where few runs leave room, names of keys get it. */
function keyWidth(answer: Answer): number {
  if (isNarrow) return KEY_WIDTH
  const most = [260, 260, 260, innerWidth < 1440 ? KEY_WIDTH : 172][answer.runs.length] ?? KEY_WIDTH
  const longest = Math.max(0, ...answer.rows.map((each) => titleOf(each).length))
  return Math.max(KEY_WIDTH, Math.min(most, Math.ceil(longest * LETTER) + 24))
}
const RUN_WIDTH = isNarrow ? 112 : 176
/** How many keys stand beside each other when transposed. */
const MOST_ACROSS = 200

export interface Acts {
  remove: (id: string) => void
  move: (id: string, by: number) => void
  baseline: (id: string) => void
  open: (id: string) => void
}

export interface GridProps {
  answer: Answer
  items: readonly Item[]
  across: boolean
  find: string
  row: number
  setRow: (row: number) => void
  acts: Acts
  diff: boolean
}

export function Grid(props: GridProps) {
  const [menu, setMenu] = useState<{ at: Element; run: Run }>()
  return (
    <>
      {props.across ? <Across {...props} menu={(at, run) => setMenu({ at, run })} /> : <Down {...props} menu={(at, run) => setMenu({ at, run })} />}
      {menu && <RunMenu {...menu} {...props} close={() => setMenu(undefined)} />}
    </>
  )
}

type WithMenu = GridProps & { menu: (at: Element, run: Run) => void }

function Down({ answer, items, find, row, setRow, menu, diff }: WithMenu) {
  const scroller = useRef<HTMLDivElement>(null)
  const height = rowHeight()
  const seen = useWindow(scroller, items.length, height, HEAD)
  // Columns are wider than this where there is room for all of them, and then all are in sight.
  const cells = useWindow(scroller, answer.runs.length, RUN_WIDTH, KEY_WIDTH, true)
  const base = answer.runs.findIndex((run) => run.run_id === answer.baseline)
  useEffect(() => { if (row >= 0) reveal(scroller.current, row, height, HEAD) }, [row])
  const columns = answer.runs.length + 1
  const wide = keyWidth(answer)
  return (
    <div ref={scroller} class="cmp-grid" tabIndex={-1}>
      <table aria-rowcount={items.length + 1} aria-colcount={columns} style={{ minWidth: `${wide + answer.runs.length * RUN_WIDTH}px` }}>
        <colgroup><col style={{ width: `${wide}px` }} />{answer.runs.map((run) => <col key={run.run_id} />)}</colgroup>
        <thead><tr aria-rowindex={1}><th class="key"><Find find={find} /></th>{answer.runs.map((run) => <th key={run.run_id} class="r" scope="col"><RunName run={run} base={run.run_id === answer.baseline} menu={menu} /></th>)}</tr></thead>
        <tbody>
          {seen.first > 0 && <tr class="gap" aria-hidden="true" style={{ height: `${seen.first * height}px` }}><td colSpan={columns} /></tr>}
          {items.slice(seen.first, seen.end).map((item, n) => {
            const i = seen.first + n
            if ('head' in item) return <tr key={`h ${item.kind}`} class={row === i ? 'sec at' : 'sec'} aria-rowindex={i + 2}><th colSpan={columns} scope="rowgroup">{item.head}</th></tr>
            return (
              <tr key={item.row.column} class={row === i ? 'at' : ''} aria-rowindex={i + 2} aria-current={row === i ? 'true' : undefined} onClick={() => setRow(i)}>
                <th scope="row" class="key" title={item.row.column}>{titleOf(item.row)}</th>
                <Cells row={item.row} answer={answer} base={base} seen={cells} />
              </tr>
            )
          })}
          {seen.end < items.length && <tr class="gap" aria-hidden="true" style={{ height: `${(items.length - seen.end) * height}px` }}><td colSpan={columns} /></tr>}
          {!items.length && <tr><th scope="row" colSpan={columns} class="s i3">{find ? 'No key has this in its name.' : diff ? 'The runs do not differ.' : 'The runs have no values.'}</th></tr>}
        </tbody>
      </table>
    </div>
  )
}

function Across({ answer, items, find, menu, diff }: WithMenu) {
  const rows = items.flatMap((item) => ('row' in item ? [item.row] : []))
  const shown = rows.slice(0, MOST_ACROSS)
  const base = answer.runs.findIndex((run) => run.run_id === answer.baseline)
  return (
    <div class="cmp-grid" tabIndex={-1}>
      <table style={{ minWidth: `${KEY_WIDTH + 40 + shown.length * RUN_WIDTH}px` }}>
        <colgroup><col style={{ width: `${KEY_WIDTH + 40}px` }} />{shown.map((row) => <col key={row.column} />)}</colgroup>
        <thead><tr><th class="key"><Find find={find} /></th>{shown.map((row) => <th key={row.column} class="r" scope="col" title={row.column}>{titleOf(row)}</th>)}</tr></thead>
        <tbody>
          {answer.runs.map((run, i) => (
            <tr key={run.run_id}>
              <th scope="row" class="key"><RunName run={run} base={i === base} menu={menu} /></th>
              {shown.map((row) => <Cell key={row.column} row={row} answer={answer} i={i} base={base} />)}
            </tr>
          ))}
          {rows.length > shown.length && <tr><th scope="row" colSpan={shown.length + 1} class="s i3">The first {MOST_ACROSS} of {rows.length} keys; find others with /, or transpose back.</th></tr>}
          {!rows.length && <tr><th scope="row" colSpan={1} class="s i3">{find ? 'No such key.' : diff ? 'No differences.' : 'No values.'}</th></tr>}
        </tbody>
      </table>
    </div>
  )
}

function Find({ find }: { find: string }) {
  return <input class="cmp-find" aria-label="Find a key" placeholder="key" value={find} spellcheck={false} autocomplete="off" onInput={(event) => setQuery({ find: event.currentTarget.value }, { replace: true })} onKeyDown={(event) => { if (event.key === 'Escape') { setQuery({ find: null }, { replace: true }); event.currentTarget.blur() } }} />
}

function RunName({ run, base, menu }: { run: Run; base: boolean; menu: (at: Element, run: Run) => void }) {
  const on = lit.value === run.run_id
  return (
    <button class={on ? 'cmp-run lit' : 'cmp-run'} data-run={run.run_id} aria-haspopup="menu" title={`${run.name}${base ? ', baseline' : ''}${run.deleted ? ', deleted' : ''}`} onClick={(event) => menu(event.currentTarget, run)} onPointerEnter={() => (lit.value = run.run_id)} onPointerLeave={() => (lit.value = '')} onFocus={() => (lit.value = run.run_id)} onBlur={() => (lit.value = '')}>
      <Peg run={run.run_id} status={run.status} /><span class="cut">{run.name || run.run_id}</span>
    </button>
  )
}

function Cells({ row, answer, base, seen: { first, end } }: { row: Row; answer: Answer; base: number; seen: Window }) {
  const { runs } = answer
  return (
    <>
      {first > 0 && <td colSpan={first} />}
      {runs.slice(first, end).map((run, n) => <Cell key={run.run_id} row={row} answer={answer} i={first + n} base={base} />)}
      {end < runs.length && <td colSpan={runs.length - end} />}
    </>
  )
}

const SIGNS = { 1: 'better', '-1': 'worse' } as const

function Cell({ row, answer, i, base }: { row: Row; answer: Answer; i: number; base: number }) {
  const format = formatOf(row)
  const text = textOf(row, i, format)
  const title = plainOf(row, i)
  if (row.kind !== 'metrics') {
    const failed = row.column === 'attributes.status' && text === 'failed'
    return <td class="r" title={title} aria-colindex={i + 2}><span class={isOdd(row, i, base) ? 'odd' : failed ? 'bad' : ''}>{text}</span></td>
  }
  const best = bestOf(row) === i
  if (answer.runs.length < 2) return <td class="r" title={title} aria-colindex={i + 2}>{text}</td>
  const sign = row.better?.[i]
  const told = sign === 1 || sign === -1 ? SIGNS[sign] : undefined
  const delta = i === base ? 'baseline' : deltaOf(row, i, base, format)
  return (
    <td class="r" aria-colindex={i + 2} title={told ? `${title}, ${told} than the baseline` : title}>
      <span class={best ? 'w5' : ''}>{text}</span>{' '}
      <span class={`del ${i === base ? 'i3' : sign === 1 ? 'ok' : sign === -1 ? 'bad' : 'i3'}`}>{delta}</span>
    </td>
  )
}

function RunMenu({ at, run, answer, acts, close }: GridProps & { at: Element; run: Run; close: () => void }) {
  const does = (act: () => void) => () => { close(); act() }
  const place = answer.runs.findIndex((each) => each.run_id === run.run_id)
  return (
    <Float at={at} close={close} label={run.name}>
      <MenuItem keys="o" does={does(() => acts.open(run.run_id))}>Open</MenuItem>
      {answer.runs.length > 1 && <MenuItem keys="b" checked={run.run_id === answer.baseline} does={does(() => acts.baseline(run.run_id))}>Baseline</MenuItem>}
      {place > 0 && <MenuItem keys="shift left" does={does(() => acts.move(run.run_id, -1))}>Move to the left</MenuItem>}
      {place < answer.runs.length - 1 && <MenuItem keys="shift right" does={does(() => acts.move(run.run_id, 1))}>Move to the right</MenuItem>}
      <MenuItem keys="x" does={does(() => acts.remove(run.run_id))}>Take away</MenuItem>
    </Float>
  )
}
