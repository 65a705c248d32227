/** The run table: a tree grid of which only the rows in sight are made. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { termOf } from '../../core/columns'
import { withTerm } from '../../core/grammar'
import { hueClass, lit, slotOf } from '../../core/pegs'
import { href } from '../../core/root'
import { density, rowHeight } from '../../core/theme'
import { iso } from '../../core/times'
import { Chevron } from '../../parts/icon'
import { Peg } from '../../parts/peg'
import { Spark } from '../../parts/spark'
import { now } from '../../parts/time'
import { reveal, useWindow } from '../../parts/window'
import { Head, type Spreads } from './head'
import { type Col, SPARK } from './layout'
import { type GroupRow, keyOf, type Row, type RunRow, type Source, textOf } from './rows'
import { sortColumn, type View } from './state'

/** A block of cells: rows from–to, columns from–to, both included. */
export interface Block {
  row: number
  col: number
  row2: number
  col2: number
}

export interface TableProps {
  source: Source
  cols: Col[]
  nameWidth: number
  view: View
  at: number
  setAt: (index: number) => void
  block: Block | undefined
  setBlock: (block: Block | undefined) => void
  spreads: Spreads
  range: { lo: number; hi: number } | undefined
  pinned: readonly RunRow[]
  pins: ReadonlySet<string>
  pick: (ids: string[], on?: boolean) => void
  fold: (row: Row) => void
  ask: (q: string) => void
  menu: (column: string, at: Element) => void
  sort: (column: string) => void
  hover: (inside: boolean) => void
  busy: boolean
}

export const HEAD = 52

export function Table(props: TableProps) {
  const { source, cols, nameWidth, view, at, setAt, block, setBlock } = props
  const scroller = useRef<HTMLDivElement>(null)
  void density.value
  void now.value
  const height = rowHeight()
  const top = HEAD + props.pinned.length * height
  const seen = useWindow(scroller, source.count, height, 0)
  useEffect(() => source.want(seen.first, seen.end), [source, seen.first, seen.end, source.count])
  useLayoutEffect(() => { if (at >= 0) reveal(scroller.current, at, height, top) }, [at, height])
  const dragged = useRef<{ row: number; col: number } | undefined>(undefined)
  const [dragging, setDragging] = useState(false)

  const template = [`${nameWidth}px`, ...cols.map((col, i) => (i === cols.length - 1 && !hasRoom(cols) ? `minmax(${col.width}px, 1fr)` : `${col.width}px`))]
  if (hasRoom(cols)) template.push('minmax(8px, 1fr)')
  const wide = nameWidth + cols.reduce((sum, col) => sum + col.width, 0) + 8

  const place = (event: Event) => {
    const cell = (event.target as Element).closest<HTMLElement>('[data-c]')
    const row = cell?.closest<HTMLElement>('[data-i]')
    return cell && row ? { row: Number(row.dataset.i), col: Number(cell.dataset.c) } : undefined
  }
  const down = (event: PointerEvent) => {
    if (event.button || event.pointerType === 'touch') return
    const found = place(event)
    dragged.current = found
    if (event.shiftKey && found && block) { setBlock({ ...block, row2: found.row, col2: found.col }); event.preventDefault() }
  }
  const move = (event: PointerEvent) => {
    const from = dragged.current
    const to = from && place(event)
    if (!from || !to || (!dragging && from.row === to.row && from.col === to.col)) return
    setDragging(true)
    setBlock({ row: from.row, col: from.col, row2: to.row, col2: to.col })
  }
  const up = () => { dragged.current = undefined; setTimeout(() => setDragging(false)) }
  const click = (event: MouseEvent) => {
    const element = (event.target as Element).closest<HTMLElement>('[data-i]')
    if (!element) return
    const index = Number(element.dataset.i)
    const row = source.at(index)
    const found = place(event)
    if (!row || dragging) return
    if (event.altKey && found && row.kind === 'run') {
      const term = termIn(cols[found.col]!, row)
      if (term) props.ask(withTerm(view.q, term))
      event.preventDefault()
      return
    }
    if (row.kind === 'group' || (event.target as Element).closest('.fold')) {
      event.preventDefault()
      props.fold(row)
    } else if ((event.target as Element).closest('.tick') || event.metaKey || event.ctrlKey) {
      event.preventDefault()
      props.pick([row.id])
    } else if (event.shiftKey && at >= 0) {
      event.preventDefault()
      const ids = []
      for (let i = Math.min(at, index); i <= Math.max(at, index); i++) {
        const each = source.at(i)
        if (each?.kind === 'run') ids.push(each.id)
      }
      props.pick(ids, true)
    }
    setAt(index)
    if (!event.shiftKey) setBlock(undefined)
  }

  const rows = []
  for (let index = seen.first; index < Math.min(seen.end, source.count); index++) {
    const row = source.at(index)
    rows.push(row ? <RowView key={row.kind === 'run' ? row.id : keyOf(row.group.value)} row={row} index={index} top={index * height} {...props} dragging={dragging} /> : <div key={`gap ${index}`} class="row gap" role="row" style={{ top: `${index * height}px` }} />)
  }
  return (
    <div ref={scroller} class={`grid dots ${dragging ? 'dragging' : ''}`} role="treegrid" tabIndex={0} aria-label="Runs" aria-rowcount={source.count + 1} aria-colcount={cols.length + 1} aria-multiselectable="true" aria-busy={props.busy} aria-activedescendant={at >= 0 ? `row-${at}` : undefined}
      onClick={click} onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerEnter={() => props.hover(true)} onPointerLeave={() => { props.hover(false); up() }}
      style={{ '--cols': template.join(' '), '--wide': `${wide}px` }}>
      <div role="rowgroup" class="heads">
        <Head cols={cols} room={hasRoom(cols)} sort={view.sort} group={view.group} spreads={props.spreads} asked={source.heads.value?.asked ?? []} menu={props.menu} onSort={props.sort} ask={(term) => props.ask(withTerm(view.q, term))} />
        {props.pinned.map((row) => <RowView key={row.id} row={row} index={-1} top={0} {...props} dragging={dragging} isPinned />)}
      </div>
      <div role="rowgroup" class="body" style={{ height: `${source.count * height}px` }}>{rows}</div>
    </div>
  )
}

/** Whether the last column leaves what is left to nobody: a text takes it. */
export const hasRoom = (cols: readonly Col[]): boolean => cols.at(-1)?.right !== false || cols.at(-1)?.name === SPARK

/** The comparison that a cell stands for. */
function termIn(col: Col, row: RunRow): string {
  const value = row.cell(col.name)
  if (col.kind === 'spark' || value === null || value === undefined || value === '') return ''
  return termOf(col.name, value)
}

interface RowProps extends TableProps {
  row: Row
  index: number
  top: number
  dragging: boolean
  isPinned?: boolean
}

function RowView(props: RowProps) {
  const { row, index, top, at, view, isPinned } = props
  if (row.kind === 'group') return <GroupView {...props} row={row} />
  const picked = view.runs.includes(row.id)
  const slot = slotOf(row.id)
  const shown = lit.value === row.id
  const name = `row${picked ? ' pick' : ''}${index === at ? ' at' : ''}${shown ? ' lit' : ''}${row.dimmed ? ' dimmed' : ''}${isPinned ? ' pinned' : ''} ${hueClass(slot)}`
  return (
    <div id={index >= 0 ? `row-${index}` : undefined} role="row" class={name} data-i={index >= 0 ? index : undefined} aria-rowindex={index >= 0 ? index + 2 : undefined} aria-level={row.depth + 1} aria-expanded={row.children ? view.open.includes(row.id) : undefined} aria-selected={picked}
      style={isPinned ? undefined : { top: `${top}px` }} onPointerEnter={() => (lit.value = row.id)} onPointerLeave={() => (lit.value = '')}>
      <div role="gridcell" class="c nm">
        <i class="tick" title="Pick" onClick={isPinned ? () => props.pick([row.id]) : undefined} />
        {Array.from({ length: row.depth }, (_, level) => <i key={level} class={`tree${level < row.depth - 1 ? ' far' : row.isLast ? ' end' : ''}`} />)}
        <Peg run={row.id} status={view.hidden.includes(row.id) ? 'hidden' : row.status} />
        <a class="cut" tabIndex={-1} href={href(`/runs/${row.id}`)} title={row.name}>{row.name || row.id.slice(0, 8)}</a>
        {props.pins.has(row.id) && <i class="pin" title="Pinned" />}
        {row.children > 0 && <span class="fold"><span class="kids">{row.children}</span><Chevron to={view.open.includes(row.id) ? 'down' : 'right'} /></span>}
      </div>
      <Cells {...props} row={row} />
    </div>
  )
}

function Cells({ row, index, cols, view, block, source, range, isPinned }: RowProps & { row: RunRow }) {
  const sorted = sortColumn(view.sort)
  const hue = hueClass(slotOf(row.id))
  const marked = block && !isPinned && within(index, block.row, block.row2) ? block : undefined
  const sparkAt = cols.findIndex((col) => col.name === SPARK)
  const nameOf = (col: Col, c: number) => `c${col.right ? ' r' : ''}${col.apart ? ' g' : ''}${col.name === sorted ? ' sorted' : ''} k-${col.kind}${marked && within(c, marked.col, marked.col2) ? ' in' : ''}`
  // Cells are most of the page: they are made anew when something of theirs changed, not whenever
  // the pointer goes over another row. The rows that are pinned come from elsewhere than `source`.
  const [before, after] = useMemo(() => {
    const cell = (col: Col, c: number) => {
      const value = row.cell(col.name)
      const text = col.format(value, row)
      const flash = source.flashes.get(`${row.id} ${col.name}`)
      const odd = text === 'NaN' || text === 'inf' || text === '-inf'
      return (
        <div key={flash ? `${col.name} ${flash}` : col.name} role="gridcell" class={`${nameOf(col, c)}${flash ? ' flash' : ''}${odd ? ' bad' : ''}${col.name.endsWith('note.content') ? ' note' : ''}`} data-c={c} title={col.exact(value, row) || undefined}>
          {col.name === 'attributes.start_time' && typeof value === 'number' ? <time dateTime={iso(value)}>{text}</time> : text}
        </div>
      )
    }
    const made = cols.map((col, c) => (col.name === SPARK ? null : cell(col, c)))
    const place = sparkAt < 0 ? cols.length : sparkAt
    return [<>{made.slice(0, place)}</>, <>{made.slice(place + 1)}{hasRoom(cols) && <div class="c" role="gridcell" />}</>]
  }, [row.id, isPinned ? row : source.version.value, source, cols, sorted, marked, now.value])
  // The curve is apart: the range of its values comes later than the row.
  return (
    <>
      {before}
      {sparkAt >= 0 && <div role="gridcell" class={nameOf(cols[sparkAt]!, sparkAt)} data-c={sparkAt}>{row.spark && <Spark values={row.spark} width={92} height={20} hue={hue} lo={range?.lo} hi={range?.hi} />}</div>}
      {after}
    </>
  )
}

function GroupView({ row, index, top, at, cols, view }: RowProps & { row: GroupRow }) {
  const { group, isOpen } = row
  const sorted = sortColumn(view.sort)
  return (
    <div id={`row-${index}`} role="row" class={`row group${index === at ? ' at' : ''}`} data-i={index} aria-rowindex={index + 2} aria-level={1} aria-expanded={isOpen} style={{ top: `${top}px` }}>
      <div role="gridcell" class="c nm">
        <span class="chev"><Chevron to={isOpen ? 'down' : 'right'} /></span>
        <span class={`cut ${group.value === null ? 'i3' : 'w5'}`}>{textOf(group.value)}</span>
        <span class="kids">{group.runs}</span>
        {group.live > 0 && <Peg status="running" slot={0} />}
      </div>
      {cols.map((col, c) => {
        const figures = group.cols[col.name]
        const name = `c${col.right ? ' r' : ''}${col.apart ? ' g' : ''}${col.name === sorted ? ' sorted' : ''} k-${col.kind}`
        const text = figures ? col.format(figures.mean) : ''
        return <div key={col.name} role="gridcell" class={name} data-c={c} title={figures && `mean of ${figures.count}: ${col.exact(figures.mean)}, from ${col.exact(figures.min)} to ${col.exact(figures.max)}`}>{text}</div>
      })}
      {hasRoom(cols) && <div class="c" role="gridcell" />}
    </div>
  )
}

const within = (value: number, a: number, b: number): boolean => value >= Math.min(a, b) && value <= Math.max(a, b)
