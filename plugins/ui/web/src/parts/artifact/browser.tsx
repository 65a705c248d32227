/** Files: the tree at the left, the one that is looked at beside it. The address says which. */
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { bytes, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { asList, listParam, param, setQuery } from '../../core/router'
import { rowHeight } from '../../core/theme'
import { Chevron } from '../icon'
import { Nothing } from '../states'
import { reveal, useWindow } from '../window'
import { Series } from './image'
import { above } from './kinds'
import { type Root, Tree, type Twig } from './tree'
import Viewer from './viewer'

export interface BrowserProps {
  roots: readonly Root[]
  /** Counts up when files may have come. */
  turn?: number
  /** What else can be done with what is looked at. */
  acts?: (twig: Twig) => ComponentChildren
}

const idOf = (): string => `${param('model')}:${param('path')}${param('series') && `?${param('series')}`}`

export default function Browser({ roots, turn = 0, acts }: BrowserProps) {
  const key = JSON.stringify(roots)
  const tree = useMemo(() => new Tree(roots), [key])
  void tree.version.value
  const wanted = idOf()
  const folded = listParam('folded')
  const unfolded = listParam('open')
  const open = useMemo(() => {
    const found = new Set(unfolded)
    const model = param('model')
    if (model) found.add(`${model}:`)
    for (const each of [...above(param('path')), ...(param('series') ? [param('path')] : [])]) found.add(`${model}:${each}`)
    for (const each of folded) found.delete(each)
    return found
  }, [unfolded.join(), folded.join(), wanted])
  useEffect(() => {
    for (const root of roots) if (!root.title || open.has(`${root.owner.model ?? ''}:`)) void tree.list(root.owner, '')
    for (const id of open) {
      const model = id.slice(0, id.indexOf(':'))
      const root = roots.find((each) => (each.owner.model ?? '') === model)
      if (root) void tree.list(root.owner, id.slice(model.length + 1))
    }
  }, [tree, open])
  useEffect(() => {
    if (!turn) return
    for (const root of roots) if (!root.title) void tree.list(root.owner, '', true)
    for (const id of open) {
      const root = roots.find((each) => (each.owner.model ?? '') === id.slice(0, id.indexOf(':')))
      if (root) void tree.list(root.owner, id.slice(id.indexOf(':') + 1), true)
    }
  }, [turn])
  const rows = tree.rows(open)
  const twig = rows.find((row) => row.id === wanted)
  const fold = (row: Twig, on = !row.open) => {
    const without = (list: string[]) => list.filter((each) => each !== row.id)
    setQuery({ open: asList(on ? [...without(unfolded), row.id] : without(unfolded)), folded: asList(on ? without(folded) : [...without(folded), row.id]) }, { replace: true })
  }
  const show = (row: Twig) => {
    if (row.kind === 'dir' || row.kind === 'root') fold(row)
    else if (row.kind === 'series') setQuery({ model: row.owner.model, path: row.path, series: row.name, step: null, row: null })
    else if (row.kind === 'file') setQuery({ model: row.owner.model, path: row.path, series: null, step: null, row: null })
  }
  // The first file is looked at, as long as nobody says which.
  const first = rows.find((row) => row.kind === 'file' || row.kind === 'series')
  const seen = twig && (twig.kind === 'file' || twig.kind === 'series') ? twig : param('path') || param('series') ? undefined : first
  const isKnown = !param('path') || tree.listed({ run: roots[0]?.owner.run, model: param('model') || undefined }, above(param('path')).at(-1) ?? '') !== undefined
  return (
    <div class="art-browser">
      <List rows={rows} at={seen?.id ?? wanted} show={show} fold={fold} again={(row) => void tree.list(row.owner, row.path, true)} />
      <div class="art-beside">
        {seen?.kind === 'series' && <section class="art-viewer" aria-label={seen.name}><div class="cap"><h2 class="m cut">{seen.name}</h2><span class="x" /></div><Series key={seen.id} owner={seen.owner} name={seen.name} frames={seen.frames!} /></section>}
        {seen?.kind === 'file' && <Viewer key={seen.id} owner={seen.owner} path={seen.path} size={seen.size} acts={acts?.(seen)} />}
        {!seen && param('path') && isKnown && <div class="dots fillup"><Nothing title="There is no such file">The run has nothing at <span class="m">{param('path')}</span> any more, or never had.</Nothing></div>}
      </div>
    </div>
  )
}

function List({ rows, at, show, fold, again }: { rows: Twig[]; at: string; show: (row: Twig) => void; fold: (row: Twig, on?: boolean) => void; again: (row: Twig) => void }) {
  const box = useRef<HTMLDivElement>(null)
  const [cursor, setCursor] = useState('')
  const height = rowHeight()
  const seen = useWindow(box, rows.length, height)
  const place = Math.max(0, rows.findIndex((row) => row.id === (cursor || at)))
  const move = (to: number) => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, to))]
    if (!row) return
    setCursor(row.id)
    reveal(box.current, rows.indexOf(row), height)
    if (row.kind === 'file' || row.kind === 'series') show(row)
  }
  const turn = (on: boolean) => {
    const row = rows[place]
    if (!row) return
    if (row.open !== undefined && row.open !== on) fold(row, on)
    else if (!on) {
      const parent = rows.slice(0, place).findLastIndex((each) => each.depth < row.depth)
      if (parent >= 0) move(parent)
    } else move(place + 1)
  }
  useKeys('Files', {
    j: { does: 'Next file', run: () => move(place + 1), quiet: true },
    k: { does: 'File before', run: () => move(place - 1), quiet: true },
  })
  const press = (event: KeyboardEvent) => {
    const does: Record<string, () => void> = {
      ArrowDown: () => move(place + 1), ArrowUp: () => move(place - 1), ArrowRight: () => turn(true), ArrowLeft: () => turn(false),
      Home: () => move(0), End: () => move(rows.length - 1), Enter: () => rows[place] && show(rows[place]), ' ': () => rows[place] && show(rows[place]),
    }
    const found = does[event.key]
    if (!found || event.ctrlKey || event.metaKey || event.altKey) return
    found()
    event.preventDefault()
    event.stopPropagation()
  }
  const active = rows[place] && place >= seen.first && place < seen.end ? `file-${place}` : undefined
  return (
    <div ref={box} class="art-files scroll" role="tree" aria-label="Files" tabIndex={0} aria-activedescendant={active} onKeyDown={press}>
      <div class="rows" role="presentation" style={{ height: `${rows.length * height}px` }}>
        {rows.slice(seen.first, seen.end).map((row, i) => {
          const index = seen.first + i
          return (
            <div key={row.id} id={`file-${index}`} role="treeitem" aria-level={row.depth + 1} aria-expanded={row.open} aria-selected={row.id === at} class={`art-file ${row.id === at ? 'on' : ''} ${index === place ? 'at' : ''} ${row.kind}`}
              style={{ top: `${index * height}px`, paddingLeft: `${16 + row.depth * 16}px` }} onClick={() => { setCursor(row.id); row.kind === 'note' ? again(row) : show(row) }}>
              <span class="fold">{row.open !== undefined && <Chevron to={row.open ? 'down' : 'right'} />}</span>
              <span class="cut" title={row.name}>{row.name}{row.kind === 'dir' && '/'}</span>
              <span class="x" />
              <span class="i3 nw">{row.kind === 'series' ? plural(row.frames!.length, 'step') : row.kind === 'root' ? 'model' : row.size === null ? '' : bytes(row.size)}</span>
            </div>
          )
        })}
      </div>
    </div>
  )
}
