/** A table that a run logged, page by page: what is not looked at is not read. */
import { useEffect, useRef } from 'preact/hooks'
import { type Num, num } from '../../core/api'
import { copy, tsv } from '../../core/copy'
import { columnOf, count, exact, type Format } from '../../core/format'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { param, setQuery } from '../../core/router'
import { Failed } from '../states'
import { type Owner, ownerParams } from './source'

export interface TablePage {
  columns: { name: string; type: string }[]
  columns_total: number
  rows_total: number | null
  rows: Record<string, unknown[]>
  next_offset: number | null
  cut: boolean
}

export const PAGE = 100
const NUMERIC = /int|float|double|number|decimal/i

const text = (value: unknown): string => (value === null || value === undefined ? '' : typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value))

/** How the cells of each column are shown: numbers share their decimals. */
export function formats(page: TablePage): (Format | undefined)[] {
  return page.columns.map((column) => {
    if (!NUMERIC.test(column.type)) return undefined
    return columnOf((page.rows[column.name] ?? []).map((value) => num(value as Num)), { zero: true })
  })
}

export function Table({ owner, path, from }: { owner: Owner; path: string; from?: string }) {
  const offset = Number(from ?? param('row')) || 0
  const found = useResource<TablePage>('artifacts/table', { ...ownerParams(owner), path, offset, limit: PAGE })
  const page = found.data
  const rows = page ? (Object.values(page.rows)[0]?.length ?? 0) : 0
  const go = (row: number) => setQuery({ row: row ? String(row) : null })
  const next = page?.next_offset ?? null
  useKeys('Rows of the table', {
    '.': next !== null ? { does: 'Next rows', run: () => go(next) } : undefined,
    ',': offset ? { does: 'Rows before', run: () => go(Math.max(0, offset - PAGE)) } : undefined,
  })
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => { box.current?.scrollTo({ top: 0 }) }, [offset])
  if (found.error && !page) return <Failed what="The table could not be read" error={found.error} retry={found.error.status === 400 ? undefined : found.reload} />
  if (!page) return null
  const shown = formats(page)
  const take = () => void copy(tsv([page.columns.map((column) => column.name), ...Array.from({ length: rows }, (_, i) => page.columns.map((column) => text(page.rows[column.name]?.[i])))]), `copied ${count(rows)} rows`)
  return (
    <>
      <div class="art-sheet" ref={box} tabIndex={0} role="region" aria-label="Table">
        <table class="auto">
          <thead><tr><th class="no">row</th>{page.columns.map((column, i) => <th key={column.name} class={shown[i] ? 'r' : ''} title={`${column.name}, ${column.type}`}>{column.name}</th>)}</tr></thead>
          <tbody>
            {Array.from({ length: rows }, (_, i) => (
              <tr key={i}>
                <td class="no">{count(offset + i + 1)}</td>
                {page.columns.map((column, at) => {
                  const value = page.rows[column.name]?.[i]
                  const show = shown[at]
                  if (show) return <td key={column.name} class="r" title={exact(num(value as Num))}>{value === null || value === undefined ? <span class="i3">–</span> : show(num(value as Num))}</td>
                  return <td key={column.name} title={text(value)}>{value === null || value === undefined ? <span class="i3">–</span> : text(value)}</td>
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="art-under">
        <span>rows {rows ? count(offset + 1) : 0} to {count(offset + rows)} of {page.rows_total === null ? 'more than are counted' : count(page.rows_total)}, {count(page.columns_total)} columns{page.columns_total > page.columns.length && `, the first ${page.columns.length} shown`}{page.cut && ', long cells cut'}</span>
        <span class="x" />
        <button class="btn flat" onClick={take}>copy rows</button>
        <button class="btn" disabled={!offset} onClick={() => go(Math.max(0, offset - PAGE))}>Before<kbd>,</kbd></button>
        <button class="btn" disabled={next === null} onClick={() => next !== null && go(next)}>Next<kbd>.</kbd></button>
      </div>
    </>
  )
}
