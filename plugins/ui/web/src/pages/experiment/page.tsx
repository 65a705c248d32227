/** The experiment page: the line to ask in, the run table, and whatever stands beside it. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useEvents } from '../../core/events'
import { count, plural } from '../../core/format'
import { useProvider } from '../../core/palette'
import { paneOf, type RunRef } from '../../core/panes'
import { forget, give, overrides, pickColour } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { asSearch, type PageProps, withQuery } from '../../core/router'
import { address, href, may } from '../../core/root'
import { Bar, Segments } from '../../parts/bar'
import { Filter } from '../../parts/filter'
import { Foot } from '../../parts/foot'
import { Chevron } from '../../parts/icon'
import { Empty, Failed, Nothing } from '../../parts/states'
import { Chooser } from './chooser'
import { Legend, useColouring } from './colour'
import { type Commanded, commands } from './commands'
import { complete } from './complete'
import { BINS, type Spreads } from './head'
import { useTableKeys } from './keys'
import { arranged, layout, nameWidth, NOTE, SPARK, withSpark } from './layout'
import { deleteExperiment } from './actions'
import { ColumnMenu, PlaceMenu, RenamePlace, SaveView } from './menus'
import { PaneHost } from './pane'
import { Peek } from './peek'
import { type Row, Rows, type RunRow, keyOf } from './rows'
import { Picked, statsOf, tsvOf } from './selection'
import { change, nextSort, sortColumn, toggled, type View, viewOf } from './state'
import { type Block, Table } from './table'
import { useExperiments, useSource } from './use'
import './page.css'

interface Marks {
  name: string
  views: Record<string, Record<string, string>>
  colours: Record<string, number>
  pins: string[]
}

export default function Experiment({ params }: PageProps) {
  const view = viewOf()
  const place = useExperiments(params.ids ?? 'all')
  return <Room key={params.ids} ids={params.ids ?? 'all'} name={place.name} experiments={place.ids} error={place.error} view={view} />
}

function Room({ ids, name: given, experiments, error: lost, view }: { ids: string; name: string; experiments: string[]; error?: ReturnType<typeof useExperiments>['error']; view: View }) {
  const [source, fresh] = useSource(experiments, view)
  void source.version.value
  const heads = source.heads.value
  const [at, setAt] = useState(-1)
  const [block, setBlock] = useState<Block>()
  const [menu, setMenu] = useState<{ column: string; at: Element }>()
  const [placing, setPlacing] = useState<Element>()
  const [choosing, setChoosing] = useState(false)
  const [turn, setTurn] = useState(0)
  const inside = useRef(false)
  const single = experiments.length === 1 ? experiments[0]! : ''
  const marks = useResource<Marks>(single ? 'views' : null, { experiment_id: single })
  const name = (single && marks.data?.name) || given
  const [pins, showPins] = useState<readonly string[]>([])
  const touched = useRef(false)
  const setPins = (next: readonly string[]) => { touched.current = true; showPins(next) }
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set())
  useEffect(forget, [ids])
  useEffect(() => {
    if (!marks.data) return
    overrides.value = marks.data.colours
    // What was pinned meanwhile stays.
    if (!touched.current) showPins(marks.data.pins)
  }, [marks.data])

  const columns = (view.cols.length ? [...view.cols] : arranged(heads?.chosen ?? [])).filter((each) => each !== view.group)
  if (view.cols.length) for (const asked of heads?.asked ?? []) if (!columns.includes(asked) && asked !== view.group) columns.unshift(asked)
  const curve = view.spark === '-' || view.group ? '' : view.spark || (columns.find((each) => each.startsWith('metrics.'))?.slice(8) ?? '')
  const sorted = sortColumn(view.sort)
  const cols = useMemo(() => layout(withSpark(columns, curve), (column) => source.values(column), curve, sorted), [source.sample, columns.join('\n'), curve, sorted])
  const names = useMemo(() => nameWidth(source.names()), [source.sample])
  const spreads = useResource<{ columns: Spreads; keys?: number }>(
    heads && heads.matched ? 'runs/histogram' : null,
    { experiment_ids: experiments, q: fresh.query.q, columns: columns.filter((each) => each !== NOTE).slice(0, 30), bins: BINS, keys: !turn || undefined, turn: turn || undefined },
  )
  // How many keys there are is told with them, once: it is worth no request of its own.
  const keys = useRef<number>(undefined)
  keys.current = spreads.data?.keys ?? keys.current
  const pinnedRows = usePinned(experiments, pins, columns, curve, turn)
  const legend = useColouring({ experiments, view, q: fresh.query.q, source, pinned: pinnedRows, turn })
  const shownIds = source.ids
  useEffect(() => give([...pins, ...shownIds]), [shownIds, pins])

  useEvents(experiments.length ? `experiment:${experiments.join(',')}` : '', (event) => {
    if (event.runs && (!event.runs.length || event.revision === heads?.revision)) return
    void source.renew(inside.current || at > 0)
    setTurn((n) => n + 1)
  })

  const pick = (picked: string[], on?: boolean) => {
    let runs = [...view.runs]
    for (const id of picked) {
      const add = on ?? !runs.includes(id)
      runs = add ? (runs.includes(id) ? runs : [...runs, id]) : runs.filter((each) => each !== id)
      if (add) pickColour(id, new Set(runs))
    }
    change({ runs }, true)
  }
  const fold = (row: Row) => {
    if (row.kind === 'group') change({ open: toggled(view.open, keyOf(row.group.value)) }, true)
    else if (row.children) change({ open: toggled(view.open, row.id) }, true)
  }
  const shown = columns.filter((each) => each !== SPARK)
  const show = (wanted: string[], on: boolean) => change({ cols: on ? [...shown, ...wanted.filter((each) => !shown.includes(each))] : shown.filter((each) => !wanted.includes(each)) })
  const [asking, setAsking] = useState<'save' | 'rename'>()
  const remove = () => void deleteExperiment(single, name)
  const latest = useRef<Commanded | undefined>(undefined)
  latest.current = { experiments, ids, view, shown, show, views: marks.data?.views ?? {}, save: single && may('write') ? () => setAsking('save') : undefined, rename: single && may('write') ? () => setAsking('rename') : undefined, remove: single && single !== '0' && may('delete') ? remove : undefined }
  useProvider((text) => commands(text, latest.current!))
  const runsOf = (found: readonly string[]): RunRef[] => found.map((id) => {
    const row = source.at(source.indexOf(id))
    return row?.kind === 'run' ? { id, name: row.name, status: row.status, experiment: row.experiment } : { id, name: '', status: '', experiment: '' }
  })
  const current = source.at(at)
  const targets = view.runs.length ? runsOf(view.runs) : current?.kind === 'run' ? runsOf([current.id]) : []
  const renew = () => { void source.renew(false); setTurn((n) => n + 1) }
  const hides = (found: string[], on: boolean) => { setGone((now) => { const next = new Set(now); for (const id of found) on ? next.add(id) : next.delete(id); return next }); renew() }
  const acts = { targets, single, pins, setPins, hides, renew, view, pick, gone }
  useTableKeys({ source, view, at, setAt, block, setBlock, cols, pick, fold, choose: () => setChoosing(true), place: () => setPlacing(document.querySelector('.place button') ?? undefined), copy: () => tsvOf(source, cols, block, view.runs, at), acts, openMenu: (column) => setMenu({ column, at: headOf(cols.findIndex((col) => col.name === column)) }) })

  const charts = paneOf('charts')
  const onCharts = charts && view.view !== 'table'
  const paneRuns = (view.runs.length ? view.runs : shownIds).filter((id) => !view.hidden.includes(id)).slice(0, 100)
  const error = fresh.error.value ?? lost
  const isEmpty = heads && heads.total === 0 && !view.q
  const filterError = error && error.status === 400 ? error : undefined
  const failed = error && !filterError ? error : undefined
  const isMissing = failed?.status === 404 && !heads?.total
  return (
    <>
      <Bar live={heads?.live}
        place={<h1><button aria-haspopup="menu" onClick={(event) => setPlacing(event.currentTarget)}><span class="cut">{name}</span><Chevron /></button></h1>}
        right={charts && <Segments label="View" items={(['table', 'charts', 'split'] as const).map((each) => ({ title: each[0]!.toUpperCase() + each.slice(1), to: `${href(`/experiments/${ids}`)}${withQuery({ view: each === 'table' ? null : each })}`, on: view.view === each }))} />}>
        <Filter value={view.q} memory={ids} error={filterError} placeholder={isEmpty ? 'nothing to filter yet' : 'metrics.loss < 0.5 and params.opt = …, or words'} apply={(q) => change({ q })} complete={(wanted) => complete(experiments, wanted)} count={heads ? (heads.matched === heads.total ? plural(heads.total, 'run') : `${count(heads.matched)} of ${count(heads.total)}`) : undefined} />
      </Bar>
      {failed && !isMissing && <Failed what="The runs could not be read" error={failed} still={heads ? 'What is shown is what was read before.' : ''} retry={renew} />}
      {view.deleted && <div class="legend" role="status"><span class="warn">Deleted runs.</span><span>{may('delete') ? 'del restores those that are picked.' : ''}</span><span class="x" /><button class="i3" onClick={() => change({ deleted: '', runs: [] })}>all others</button></div>}
      {view.colour && <Legend column={view.colour} entries={legend} q={view.q} />}
      <div class="exp">
        {isMissing ? <div class="fill dots"><Nothing title="There is no such experiment">It is gone for ever, or it is in another store than <span class="m">{address()}</span>. <a class="link" href={href('/')}>All experiments</a></Nothing></div>
          : isEmpty && view.deleted ? <div class="fill dots"><Nothing title="No deleted runs">What is deleted stands here until it is removed for ever. <button class="link" onClick={() => change({ deleted: '' })}>All other runs</button></Nothing></div>
          : isEmpty ? <div class="fill dots"><Empty title="No runs yet" experiment={name} /></div>
          : heads && !heads.rows && !error ? <div class="fill dots"><Nothing title="No run fits">The filter leaves none of {plural(heads.total, 'run')}. <button class="link" onClick={() => change({ q: '' })}>Take it away</button></Nothing></div>
          : (!onCharts || view.view === 'split') && (
            <Table source={source} cols={cols} nameWidth={names} view={view} at={at} setAt={setAt} block={block} setBlock={setBlock} spreads={spreads.data?.columns ?? {}} range={rangeOf(spreads.data?.columns[`metrics.${curve}`])}
              pinned={pinnedRows} pins={new Set(pins)} pick={pick} fold={fold} ask={(q) => change({ q })} menu={(column, element) => setMenu({ column, at: element })} sort={(column) => change({ sort: nextSort(view.sort, column) })} hover={(on) => { inside.current = on; if (on) source.expect(); if (!on && source.news.value) source.release() }} busy={source !== fresh} />
          )}
        {source.news.value > 0 && <button class="news" onClick={() => source.release()}>{source.news.value} new<kbd>.</kbd></button>}
        {onCharts && <PaneHost load={charts} split={view.view === 'split'} pane={{ experiments, runs: runsOf(paneRuns), q: view.q, turn, pins }} />}
        {view.peek && <Peek run={view.peek} turn={turn} close={() => change({ peek: '' }, true)} />}
      </div>
      <Foot right={<><span class="k2">{statsOf(source, cols, block, view)}</span>{heads && !isEmpty && view.view !== 'charts' && <button class="k k2" onClick={() => setChoosing(true)} title="Choose columns (,)">columns {columns.length}{keys.current !== undefined && ` of ${count(keys.current + 2)}`}</button>}</>}>
        <Picked {...acts} />
      </Foot>
      {menu && <ColumnMenu {...menu} cols={cols} view={view} shown={shown} show={show} spread={spreads.data?.columns[menu.column]} close={() => setMenu(undefined)} />}
      {placing && <PlaceMenu at={placing} ids={ids} single={single} views={marks.data?.views ?? {}} view={view} rename={() => setAsking('rename')} remove={remove} close={() => { setPlacing(undefined); marks.reload() }} />}
      {asking === 'save' && <SaveView single={single} close={() => { setAsking(undefined); marks.reload() }} />}
      {asking === 'rename' && <RenamePlace single={single} name={name} renew={marks.reload} close={() => setAsking(undefined)} />}
      {choosing && <Chooser experiments={experiments} shown={shown} toggle={show} reset={() => change({ cols: [] })} close={() => setChoosing(false)} />}
    </>
  )
}

const headOf = (index: number): Element => document.querySelectorAll('.row.head > .c')[index + 1] ?? document.body

function rangeOf(spread: Spreads[string] | undefined): { lo: number; hi: number } | undefined {
  if (spread?.kind !== 'number') return undefined
  const lo = spread.edges[0]!
  const hi = spread.edges.at(-1)!
  return { lo: lo - (hi - lo) * 0.05, hi }
}

/** Pinned runs, wherever in the table they are. */
function usePinned(experiments: string[], pins: readonly string[], cols: string[], spark: string, turn: number): RunRow[] {
  const [rows, setRows] = useState<Rows>()
  useEffect(() => {
    if (!pins.length || !experiments.length) return setRows(undefined)
    const made = new Rows({ experiment_ids: experiments, q: `attributes.run_id IN (${pins.map((id) => `'${id}'`).join(', ')})`, sort: '', cols, tree: false, open: [], spark })
    made.want(0, pins.length)
    const stop = made.version.subscribe(() => made.heads.value && setRows(made))
    return () => { stop(); made.close() }
  }, [experiments.join(), pins.join(), cols.join(), turn])
  return pins.length && rows ? Array.from({ length: rows.count }, (_, i) => rows.at(i)).filter((row): row is RunRow => row !== undefined) : []
}

export const compareLink = (runs: readonly string[]): string => `/compare${asSearch({ runs: runs.join(',') })}`
