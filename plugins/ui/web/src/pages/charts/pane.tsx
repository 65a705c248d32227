/** The charts of an experiment: beside the run table, or in its place. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import type { PaneProps } from '../../core/panes'
import { useResource } from '../../core/resource'
import { listParam, param, setQuery } from '../../core/router'
import { plural } from '../../core/format'
import type { ChartRun } from '../../parts/chart/lines'
import type { Cell, Dots } from '../../parts/chart/axis'
import { chartView, useChartKeys } from '../../parts/chart/view'
import { Chevron } from '../../parts/icon'
import { Failed, Nothing } from '../../parts/states'
import { CellOf, type CellContext } from './cell'
import { useMedia } from './media'
import { namesQuery } from './names'
import { inSight, moved, prefixOf, type Row, rowsOf, sectionsOf } from './rows'
import { type Added, patternOf } from './added'
import { gridOf, setAdded, setOrder, toggle } from './state'
import { Tools } from './tools'
import './pane.css'

const MOST_DOTS = 500
const WIDE = 340
const FRAME = 57

export default function Charts({ experiments, runs, q, turn, pins = [] }: PaneProps) {
  const grid = gridOf()
  const group = param('group')
  const box = useRef<HTMLDivElement>(null)
  const find = useRef<HTMLInputElement>(null)
  const place = useScroll(box)
  const keys = useResource<{ total: number; keys: { column: string }[] }>(experiments.length ? 'runs/keys' : null, namesQuery(experiments))
  const names = useMemo(() => (keys.data?.keys ?? []).map(({ column }) => column.slice('metrics.'.length)), [keys.data])
  // Few names are asked for again when something changes: a first point brings a new chart.
  useEffect(() => { if (turn && names.length < 200) keys.reload() }, [turn])
  const pattern = useLast(patternOf(grid.find))
  const found = useMemo(() => (grid.find && pattern ? names.filter((name) => pattern.test(name)) : names), [names, pattern?.source, grid.find === ''])
  const drawn = useRuns(experiments, runs, q, turn, group, grid.most)
  useEffect(() => { if (!group) give(drawn.runs.map((run) => run.id)) }, [drawn.runs, group])
  const dots = useDots(experiments, q, turn, grid.added)
  const { media, look } = useMedia(experiments, drawn.runs)

  const columns = grid.columns || Math.max(1, Math.min(3, Math.floor(place.width / WIDE)))
  const picture = columns === 1 ? 220 : place.width / columns > 440 ? 232 : 184
  const cell = picture + FRAME
  const layout = useMemo(
    () => rowsOf({ keys: found, added: grid.added, columns, cell, order: grid.order, toggled: grid.toggled, heightOf: ({ kind }) => (kind === 'parallel' ? 300 + FRAME : 320) }),
    [found, columns, cell, param('plots'), param('order'), param('fold')],
  )
  useChartKeys()
  const { unknown } = chartView()
  useKeys('Charts of the experiment', { 'g f': { does: 'Find charts by name', run: () => find.current?.focus() } })
  const section = (key: string) => sectionsOf(found, grid.order).find((each) => each.keys.includes(key))!.keys
  const context: CellContext = {
    runs: drawn.runs, turn, height: picture, group, pinned: pins, q, dots: dots.dots, matched: dots.matched, experiments,
    ask: (next) => setQuery({ q: next }),
    move: (key, to) => setOrder(moved(section(key), key, Math.max(0, to), grid.order, found)),
    placeOf: (key) => section(key).indexOf(key),
    change: (index, next) => setAdded(next ? grid.added.map((each, i) => (i === index ? next : each)) : grid.added.filter((_, i) => i !== index)),
  }
  const [dragged, setDragged] = useState('')
  const rows = inSight(layout.rows, place.top, place.height)
  return (
    <div ref={box} class="charts">
      <Tools grid={grid} names={names} open={layout.open} total={names.length + grid.added.length} experiments={experiments} q={q} media={media} lookForMedia={look} find={find} />
      {unknown && <div class="grp i2" role="status"><span class="warn">There is no x axis <span class="m">{unknown.slice(0, 80)}</span>.</span> All is drawn over <button class="link" onClick={() => setQuery({ x: null })}>step</button>.</div>}
      {drawn.note && <div class="grp i2" role="status">{drawn.note}</div>}
      {keys.error && !keys.data && <Failed what="The metrics could not be read" error={keys.error} still="The table works." retry={keys.reload} />}
      {keys.data && !names.length && !grid.added.length && <Nothing title="No metrics yet">A chart stands here for each metric, as soon as it has its first point.</Nothing>}
      {keys.data && names.length > 0 && !found.length && <Nothing title="No metric fits"><button class="link" onClick={() => setQuery({ find: null })}>Show all {plural(names.length, 'metric')}</button></Nothing>}
      <div class="cells" style={{ height: `${layout.height}px`, '--n': String(columns) }}>
        {rows.map((row) => (
          <div key={rowKey(row)} class="line" style={{ top: `${row.top}px`, height: `${row.height}px`, '--n': row.wide || row.head ? '1' : String(columns) }}>
            {row.head && (
              <button class="grp" aria-expanded={row.head.open} onClick={() => toggle(grid, row.head!.prefix || '/')}>
                <Chevron to={row.head.open ? 'down' : 'right'} />{row.head.prefix || 'others'} <span class="i3">{plural(row.head.count, 'chart')}</span>
              </button>
            )}
            {row.items.map((item) => {
              const key = item.kind === 'line' ? item.key : ''
              const to = key && dragged && dragged !== key && prefixOf(dragged) === prefixOf(key) ? key : ''
              return (
                <div key={item.kind === 'line' ? item.key : `+${item.index}`} class={to ? 'cell to' : 'cell'}
                  onDragStart={(event) => { setDragged(key); event.dataTransfer?.setData('text/plain', key) }} onDragEnd={() => setDragged('')}
                  onDragOver={(event) => { if (to) event.preventDefault() }}
                  onDrop={(event) => { event.preventDefault(); if (to) context.move(dragged, context.placeOf(key)); setDragged('') }}>
                  <CellOf item={item} context={context} />
                </div>
              )
            })}
          </div>
        ))}
      </div>
    </div>
  )
}

const rowKey = (row: Row): string => (row.head ? `head ${row.head.prefix}` : row.items.map((item) => (item.kind === 'line' ? item.key : `+${item.index}`)).join(' '))

/** The last pattern that was whole, while another is being typed. */
function useLast<T>(value: T | undefined): T | undefined {
  const last = useRef(value)
  if (value !== undefined) last.current = value
  return last.current
}

interface Place {
  top: number
  height: number
  width: number
}

const STEP = 60

/** What of an element its scrolling parent shows; in steps, so that not each pixel counts. */
function useScroll(box: { current: HTMLElement | null }): Place {
  const [place, setPlace] = useState<Place>({ top: 0, height: 900, width: 800 })
  useLayoutEffect(() => {
    const scroller = box.current?.closest<HTMLElement>('.scroll')
    if (!scroller) return
    const look = () => {
      const next = { top: Math.floor(scroller.scrollTop / STEP) * STEP, height: scroller.clientHeight + STEP, width: scroller.clientWidth }
      setPlace((now) => (now.top === next.top && now.height === next.height && now.width === next.width ? now : next))
    }
    look()
    scroller.addEventListener('scroll', look, { passive: true })
    const watch = new ResizeObserver(look)
    watch.observe(scroller)
    return () => { scroller.removeEventListener('scroll', look); watch.disconnect() }
  }, [])
  return place
}

interface TableAnswer {
  matched: number
  ids: string[]
  names: string[]
  status: string[]
  cols: Record<string, Cell[]>
}

/** The runs that are drawn: those of the table; where it shows groups, the first ones that fit. */
function useRuns(experiments: readonly string[], shown: readonly ChartRun[], q: string, turn: number, group: string, most: number): { runs: readonly ChartRun[]; note: string } {
  const picked = listParam('runs').length > 0
  const asks = group !== '' && !picked && experiments.length > 0
  const found = useResource<TableAnswer>(asks ? 'runs/table' : null, { experiment_ids: [...experiments], q, cols: [group], limit: 100 })
  useEffect(() => { if (turn && asks) found.reload() }, [turn])
  const { data } = found
  return useMemo(() => {
    if (!asks) return { runs: shown.slice(0, picked ? undefined : most), note: '' }
    const runs = (data?.ids ?? []).map((id, i) => ({ id, name: data?.names[i] ?? '', status: data?.status[i] ?? '' }))
    return { runs, note: data && data.matched > runs.length ? `Bands are of the first ${runs.length} of ${plural(data.matched, 'run')}.` : '' }
  }, [asks, data, shown.map((run) => run.id + run.status + run.name).join(), most, picked])
}

/** Values of runs, for charts whose points are runs. */
function useDots(experiments: readonly string[], q: string, turn: number, added: readonly Added[]): { dots?: Dots; matched: number } {
  const cols = [...new Set(added.flatMap(({ kind, columns }) => (kind === 'images' || kind === 'table' ? [] : columns)))].sort()
  const found = useResource<TableAnswer>(cols.length && experiments.length ? 'runs/table' : null, { experiment_ids: [...experiments], q, cols, limit: MOST_DOTS })
  useEffect(() => { if (turn && cols.length) found.reload() }, [turn])
  return { dots: found.data, matched: found.data?.matched ?? 0 }
}
