/** Evaluations: their rows beside each other, what got better or worse, and where they are worst. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { count, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { href } from '../../core/root'
import { navigate, param, setQuery, withQuery } from '../../core/router'
import { Bar, Segments } from '../../parts/bar'
import { useColours } from '../../parts/colours'
import { Foot } from '../../parts/foot'
import { Float, MenuItem } from '../../parts/menu'
import { Failed, Nothing } from '../../parts/states'
import { reveal } from '../../parts/window'
import { MOST, pairsHit, useEvaluations, useHits, viewOf } from './asked'
import { Detail } from './detail'
import { Figures } from './figures'
import { Grid, HEAD, heightOf } from './grid'
import { columnsOf, grouped, groupable, isGroup, shownOf, type Show } from './rows'
import { Slices } from './slices'
import { Versus } from './versus'
import './page.css'

const LONG = 60
const SORTS: Record<string, string> = { worst: 'worst first', lost: 'lost first', differ: 'most different first', order: 'as they came' }

export default function Evaluate() {
  const { asked, ids, answers, pairs, measures, error, waits, reload } = useEvaluations()
  const view = viewOf()
  const q = param('q')
  const found = useHits(answers, q)
  const what = param('view')
  const row = param('row')
  const [at, setAt] = useState(-1)
  const [menu, setMenu] = useState<{ at: Element; of: 'by' | 'sort' }>()
  const search = useRef<HTMLInputElement>(null)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => give(ids), [ids.join()])
  const experiments = [...new Set(answers.map((answer) => answer.run.experiment_id))]
  useColours(experiments.length === 1 ? experiments[0]! : '')
  const hits = useMemo(() => (found.hits ? pairsHit(answers, pairs, found.hits) : undefined), [found.hits, pairs])
  const shown = useMemo(() => shownOf(answers, measures, pairs, { ...view, hits }), [answers, measures, pairs, hits, JSON.stringify(view)])
  const items = useMemo(() => grouped(answers, shown, view.by), [shown, view.by])
  const tall = param('tall') ? param('tall') === '1' : answers.some((answer) => answer.columns.some((column) => column.values.slice(0, 50).some((cell) => typeof cell === 'object' ? cell !== null : String(cell ?? '').length > LONG))) || answers.length > 1
  const height = heightOf(tall)
  const groups = groupable(answers)
  const several = answers.length > 1
  const sort = view.sort || (several ? 'lost' : 'worst')
  useEffect(() => { setAt((now) => Math.min(now, items.length - 1)) }, [items.length])
  // What is shown anew begins at its top.
  useEffect(() => { setAt(-1); box.current?.scrollTo({ top: 0 }) }, [JSON.stringify(view), q])
  // The row of the address is where the cursor is, whatever was sorted.
  useEffect(() => {
    const place = row ? items.findIndex((item) => !isGroup(item) && item.pair.id === row) : -1
    if (place >= 0) { setAt(place); reveal(box.current, place, height, HEAD) }
  }, [row, items])
  const pair = row ? pairs.find((each) => each.id === row) : undefined
  const select = (index: number) => {
    const item = items[index]
    setAt(index)
    if (item && !isGroup(item)) setQuery({ row: item.pair.id }, { replace: Boolean(row) })
  }
  const step = (by: number) => {
    if (!items.length) return
    let next = Math.max(0, Math.min(items.length - 1, at + by))
    while (items[next] && isGroup(items[next]!) && next + Math.sign(by) in items) next += Math.sign(by)
    setAt(next)
    reveal(box.current, next, height, HEAD)
    const item = items[next]
    if (row && item && !isGroup(item)) setQuery({ row: item.pair.id }, { replace: true })
  }
  const show = (next: Show) => setQuery({ show: view.show === next ? null : next, metric: view.show === next ? null : view.metric })
  const slices = answers.find((answer) => answer.slices.worst || answer.slices.cohorts)
  const views = [
    { key: '', title: 'Rows' },
    ...(several ? [{ key: 'compare', title: 'Won and lost' }] : []),
    ...(slices ? [{ key: 'slices', title: 'Slices' }] : []),
  ]
  const isGrid = !views.some((each) => each.key && each.key === what)
  const go = (to: string) => setQuery({ view: to || null })
  const nextSort = () => { const all = Object.keys(SORTS).filter((key) => several || !['lost', 'differ'].includes(key)); setQuery({ sort: all[(all.indexOf(sort) + 1) % all.length] ?? null }) }
  useKeys('Evaluation', {
    ...(isGrid && {
      j: { does: 'Next row', run: () => step(1), quiet: true }, ArrowDown: { does: 'Next row', run: () => step(1), quiet: true },
      k: { does: 'Row before', run: () => step(-1), quiet: true }, ArrowUp: { does: 'Row before', run: () => step(-1), quiet: true },
      Home: { does: 'First row', run: () => step(-items.length), quiet: true }, End: { does: 'Last row', run: () => step(items.length), quiet: true },
    }),
    Enter: isGrid ? { does: 'Look at the row', run: () => select(at), needs: at < 0 && 'a row under the cursor (j)' } : undefined,
    Escape: row ? { does: 'Close the row', run: () => setQuery({ row: null }) } : undefined,
    f: { does: 'Failed rows only', run: () => show('failed') },
    e: { does: 'Errors only', run: () => show('errors') },
    l: several ? { does: 'Rows that lost', run: () => show('lost') } : undefined,
    w: several ? { does: 'Rows that won', run: () => show('won') } : undefined,
    s: { does: 'Next order of rows', run: nextSort },
    b: { does: 'Group rows by a column', run: () => setMenu({ at: document.querySelector('.ev-by') ?? document.body, of: 'by' }), needs: !groups.length && 'a column with few values' },
    x: { does: 'Differences of the texts, or not', run: () => setQuery({ diff: param('diff') ? null : '1' }) },
    h: { does: 'One line a row, or more', run: () => setQuery({ tall: tall ? '0' : '1' }) },
    '/': { does: 'Find rows', run: () => search.current?.select() },
    v: views.length > 1 ? { does: 'Next view', run: () => go(views[(views.findIndex((each) => each.key === (isGrid ? '' : what)) + 1) % views.length]!.key) } : undefined,
    u: ids.length ? { does: 'To the run', run: () => navigate(`/runs/${ids.at(-1)}`) } : undefined,
  })
  const first = answers[0]
  const nothing = first && answers.every((answer) => !answer.source)
  const narrowed = shown.length < pairs.length
  return (
    <>
      <Bar
        place={<>{first && <><a class="i3" href={href(`/experiments/${first.run.experiment_id}`)}>{first.run.experiment}</a><span class="sep">/</span></>}<h1>{answers.length === 1 ? `evaluation of ${first!.run.name}` : ids.length > 1 ? `${plural(ids.length, 'evaluation')}` : 'evaluation'}</h1></>}
        right={views.length > 1 ? <Segments label="Views" items={views.map((each) => ({ title: each.title, to: href('/evaluate') + withQuery({ view: each.key || null }), on: each.key === (isGrid ? '' : what) }))} /> : undefined}
      >
        {isGrid && pairs.length > 0 ? (
          <label class="find">
            <kbd aria-hidden="true">/</kbd>
            <input ref={search} aria-label="Find rows" placeholder="words in inputs, outputs or reasons" value={q} autocomplete="off" spellcheck={false}
              onInput={(event) => setQuery({ q: event.currentTarget.value }, { replace: true })}
              onKeyDown={(event) => { if (event.key === 'Escape' || event.key === 'Enter') event.currentTarget.blur() }} />
            <span class="n" role="status">{narrowed ? `${count(shown.length)} of ${plural(pairs.length, 'row')}` : plural(pairs.length, 'row')}</span>
          </label>
        ) : undefined}
      </Bar>
      {error && <Failed what="The evaluation could not be read" error={error} retry={reload} />}
      {found.error && <Failed what="Rows could not be found" error={found.error} />}
      {asked.length > MOST && <p class="ev-note">The first {MOST} of {asked.length} runs are shown.</p>}
      {answers.some((answer) => answer.total > answer.ids.length) && <p class="ev-note warn">The first {count(answers[0]!.ids.length)} of {count(Math.max(...answers.map((answer) => answer.total)))} rows are shown.</p>}
      {!ids.length && <div class="scroll dots"><Nothing title="No evaluation to look at">Open a run that evaluated something and press <kbd>g v</kbd>, or pick runs in a table with <kbd>space</kbd> and press <kbd>g v</kbd>. <a class="link" href={href('/experiments/all')}>All runs</a></Nothing></div>}
      {nothing && <div class="scroll dots"><Nothing title="Nothing was evaluated in this run">Rows are shown here that <span class="m">evaluate()</span> or <span class="m">genai.evaluate()</span> kept, tables that were logged, and traces of the run. <a class="link" href={href(`/runs/${first.run.run_id}`)}>The run</a></Nothing></div>}
      {!waits && first && !nothing && (isGrid ? (
        <>
          <Figures answers={answers} />
          <Tools view={view} groups={groups} several={several} sort={sort} show={show} menu={(at, of) => setMenu({ at, of })} />
          <div class={pair ? 'ev-cols' : 'ev-cols alone'}>
            <div class="scroll dots" ref={box}>
              {items.length ? <Grid answers={answers} measures={measures} items={items} some={narrowed ? shown : undefined} sort={sort} at={at} select={select} scroller={box} tall={tall} /> : pairs.length > 0 && <Nothing title="No row fits"><button class="link" onClick={() => setQuery({ show: null, q: null, slice: null, metric: null })}>All rows</button></Nothing>}
            </div>
            {pair && <Detail pair={pair} answers={answers} measures={measures} differs={param('diff') === '1'} close={() => setQuery({ row: null })} />}
          </div>
        </>
      ) : what === 'slices' ? <Slices answer={slices!} /> : <Versus answers={answers} measures={measures} pairs={pairs} groups={groups.filter((name) => columnsOf(answers).some(({ column }) => column.name === name && column.role === 'input'))} by={view.by} />)}
      {(waits || (!first && ids.length > 0)) && <div class="scroll dots" />}
      <Foot right={answers.length > 0 && <span class="k2 k">{SOURCES[first!.source]}</span>}>
        {first && !nothing && <span>{SORTS[sort] ?? `by ${sort.replace(/^-/, '')}`}</span>}
        {isGrid && first && !nothing && <span class="acts k2"><button aria-pressed={param('diff') === '1'} onClick={() => setQuery({ diff: param('diff') ? null : '1' })}>differences<kbd>x</kbd></button><button onClick={() => setQuery({ tall: tall ? '0' : '1' })}>{tall ? 'one line a row' : 'more of each row'}<kbd>h</kbd></button></span>}
      </Foot>
      {menu && (
        <Float at={menu.at} close={() => setMenu(undefined)} label={menu.of === 'by' ? 'Group by' : 'Order'}>
          {menu.of === 'by'
            ? <><MenuItem checked={!view.by} does={() => { setMenu(undefined); setQuery({ by: null }) }}>no groups</MenuItem>{groups.map((name) => <MenuItem key={name} checked={view.by === name} does={() => { setMenu(undefined); setQuery({ by: name }) }}>{name}</MenuItem>)}</>
            : Object.entries(SORTS).filter(([key]) => several || !['lost', 'differ'].includes(key)).map(([key, title]) => <MenuItem key={key} checked={sort === key} does={() => { setMenu(undefined); setQuery({ sort: key }) }}>{title}</MenuItem>)}
        </Float>
      )}
    </>
  )
}

const SOURCES: Record<string, string> = { rows: 'kept by pegboard', table: 'of a table', traces: 'of traces', '': '' }

interface ToolsProps {
  view: ReturnType<typeof viewOf>
  groups: string[]
  several: boolean
  sort: string
  show: (next: Show) => void
  menu: (at: Element, of: 'by' | 'sort') => void
}

function Tools({ view, groups, several, sort, show, menu }: ToolsProps) {
  const toggle = (key: Show, title: string, letter: string) => <button class={`btn flat ${view.show === key ? 'on' : ''}`} aria-pressed={view.show === key} onClick={() => show(key)}>{title}<kbd>{letter}</kbd></button>
  return (
    <div class="ev-tools" role="toolbar" aria-label="Rows">
      {toggle('failed', 'failed', 'f')}
      {toggle('errors', 'errors', 'e')}
      {several && toggle('lost', 'lost', 'l')}
      {several && toggle('won', 'won', 'w')}
      {view.metric && <button class="btn flat on" onClick={() => setQuery({ metric: null })}>of <span class="m">{view.metric}</span>, not any</button>}
      {view.slice && <button class="btn flat on" onClick={() => setQuery({ slice: null })}>only <span class="m">{view.slice}</span>, not all</button>}
      <span class="x" />
      <button class="btn flat" aria-haspopup="menu" onClick={(event) => menu(event.currentTarget, 'sort')}>{SORTS[sort] ?? `by ${sort.replace(/^-/, '')}`}<kbd>s</kbd></button>
      {groups.length > 0 && <button class="btn flat ev-by" aria-haspopup="menu" onClick={(event) => menu(event.currentTarget, 'by')}>{view.by ? <>by <span class="m">{view.by}</span></> : 'group'}<kbd>b</kbd></button>}
    </div>
  )
}

