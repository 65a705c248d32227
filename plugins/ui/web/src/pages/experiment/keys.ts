/** The keys of the table. */
import { copy } from '../../core/copy'
import { useKeys } from '../../core/keys'
import { paneOf } from '../../core/panes'
import { hasRoute, navigate } from '../../core/router'
import type { Col } from './layout'
import { keyOf, type Row, type Source } from './rows'
import type { Acts } from './selection'
import { change, nextSort, sortColumn, toggled, type View } from './state'
import type { Block } from './table'

export interface TableKeys {
  source: Source
  view: View
  at: number
  setAt: (index: number) => void
  block: Block | undefined
  setBlock: (block: Block | undefined) => void
  cols: Col[]
  pick: (ids: string[], on?: boolean) => void
  fold: (row: Row) => void
  choose: () => void
  place: () => void
  copy: () => string
  acts: Acts
  openMenu: (column: string) => void
}

const PAGE_ROWS = 20

export function useTableKeys(table: TableKeys): void {
  const { source, view, at, setAt, block, setBlock, cols } = table
  const row = source.at(at)
  const run = row?.kind === 'run' ? row : undefined
  const go = (index: number) => {
    const next = Math.max(0, Math.min(source.count - 1, index))
    setAt(next)
    setBlock(undefined)
    const there = source.at(next)
    if (view.peek && there?.kind === 'run') change({ peek: there.id }, true)
  }
  const cover = (rows: number, columns: number) => {
    const sorted = Math.max(0, cols.findIndex((col) => col.name === sortColumn(view.sort)))
    const from = block ?? { row: Math.max(0, at), col: sorted, row2: Math.max(0, at), col2: sorted }
    const limit = (value: number, most: number) => Math.max(0, Math.min(most, value))
    setBlock(block ? { ...from, row2: limit(from.row2 + rows, source.count - 1), col2: limit(from.col2 + columns, cols.length - 1) } : from)
  }
  const inward = () => {
    if (!row) return
    if (row.kind === 'group' ? !row.isOpen : row.children && !view.open.includes(row.id)) table.fold(row)
    else go(at + 1)
  }
  const outward = () => {
    if (!row) return
    if (row.kind === 'group' ? row.isOpen : view.open.includes(row.id)) return table.fold(row)
    // To the one above that it belongs to.
    for (let index = at - 1; index >= 0; index--) {
      const above = source.at(index)
      if (above && (above.kind === 'group' || above.depth < (run?.depth ?? 0))) return go(index)
    }
  }
  const column = () => cols[block?.col2 ?? Math.max(0, cols.findIndex((col) => col.name === sortColumn(view.sort)))]?.name ?? ''
  const charts = paneOf('charts') !== undefined
  const quiet = { quiet: true }
  useKeys('Table', {
    j: { does: 'Next row', run: () => go(at + 1), ...quiet },
    k: { does: 'Previous row', run: () => go(at - 1), ...quiet },
    ArrowDown: { does: 'Next row', run: () => go(at + 1), ...quiet },
    ArrowUp: { does: 'Previous row', run: () => go(at - 1), ...quiet },
    PageDown: { does: 'Twenty rows on', run: () => go(at + PAGE_ROWS), ...quiet },
    PageUp: { does: 'Twenty rows back', run: () => go(at - PAGE_ROWS), ...quiet },
    Home: { does: 'First row', run: () => go(0), ...quiet },
    End: { does: 'Last row', run: () => go(source.count - 1), ...quiet },
    ArrowRight: { does: 'Unfold', run: inward, ...quiet },
    ArrowLeft: { does: 'Fold, or go to the parent', run: outward, ...quiet },
    Space: row?.kind === 'group' ? { does: 'Unfold', run: () => table.fold(row), ...quiet } : { does: 'Pick the run', run: () => run && table.pick([run.id]), needs: !run && 'a run under the cursor (j)' },
    Enter: row?.kind === 'group' ? { does: 'Unfold', run: () => change({ open: toggled(view.open, keyOf(row.group.value)) }, true), ...quiet } : hasRoute('/runs/0') ? { does: 'Open the run', run: () => run && navigate(`/runs/${run.id}`), needs: !run && 'a run under the cursor (j)' } : undefined,
    o: { does: 'Look at the run beside the table', run: () => change({ peek: view.peek ? '' : (run?.id ?? '') }, true), needs: !run && !view.peek && 'a run under the cursor (j)' },
    s: { does: 'Order by the next column', run: () => change({ sort: nextSort('', nextColumn(cols, sortColumn(view.sort))) }) },
    'Shift+S': { does: 'The other way round', run: () => change({ sort: view.sort.startsWith('-') ? view.sort.slice(1) : `-${view.sort}` }), needs: !view.sort && 'an order (s)' },
    m: { does: 'Menu of the column', run: () => table.openMenu(column()) },
    ',': { does: 'Choose columns', run: table.choose },
    v: { does: 'Experiments and views', run: table.place },
    '.': source.news.value ? { does: 'Show what is new', run: () => source.release() } : undefined,
    'Shift+ArrowDown': { does: 'Cover cells', run: () => cover(1, 0), ...quiet },
    'Shift+ArrowUp': { does: 'Cover cells', run: () => cover(-1, 0), ...quiet },
    'Shift+ArrowRight': { does: 'Cover cells', run: () => cover(0, 1), ...quiet },
    'Shift+ArrowLeft': { does: 'Cover cells', run: () => cover(0, -1), ...quiet },
    'Mod+C': { does: 'Copy cells or rows', run: () => { const text = table.copy(); if (text && !String(getSelection())) void copy(text, `copied ${text.split('\n').length} lines`) } },
    'Mod+A': { does: 'Pick all, at most a hundred', run: () => table.pick([...source.ids], true) },
    'g t': charts ? { does: 'Table', run: () => change({ view: 'table' }) } : undefined,
    'g c': charts ? { does: 'Charts', run: () => change({ view: 'charts' }) } : undefined,
    '\\': charts ? { does: 'Split, or not', run: () => change({ view: view.view === 'split' ? 'table' : 'split' }) } : undefined,
    ...(block && { Escape: { does: 'Cover nothing', run: () => setBlock(undefined), ...quiet } }),
  })
}

function nextColumn(cols: readonly Col[], now: string): string {
  const names = cols.filter((col) => col.kind !== 'spark').map((col) => col.name)
  return names[(names.indexOf(now) + 1) % names.length] ?? ''
}
