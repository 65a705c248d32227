/** Which columns there are: thousands of keys, searched, as a tree by their slashes. */
import { useState } from 'preact/hooks'
import { DATASETS, titleOf } from '../../core/columns'
import { count, one } from '../../core/format'
import { useResource } from '../../core/resource'
import { Dialog } from '../../parts/dialog'
import { Chevron } from '../../parts/icon'
import { Failed } from '../../parts/states'
import { type Branch, branchesOf, type Key } from './keytree'

export interface ChooserProps {
  experiments: string[]
  shown: readonly string[]
  toggle: (columns: string[], on: boolean) => void
  reset: () => void
  close: () => void
}

const ATTRIBUTES = ['attributes.start_time', 'attributes.duration', 'attributes.end_time', 'attributes.user_id', 'attributes.status', 'attributes.run_id', DATASETS]

export function Chooser({ experiments, shown, toggle, reset, close }: ChooserProps) {
  const [q, setQ] = useState('')
  const found = useResource<{ total: number; keys: Key[] }>('runs/keys', { experiment_ids: experiments, q, limit: 2000 })
  const keys = found.data?.keys.filter((key) => !/^tags\.(mlflow|pegboard)\.(?!note)/.test(key.column) || q) ?? []
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set())
  const fold = (path: string) => setUnfolded((now) => { const next = new Set(now); next.has(path) ? next.delete(path) : next.add(path); return next })
  return (
    <Dialog label="Columns" close={close} className="chooser">
      <div class="top">
        <input class="input" autofocus placeholder="part of a name, or /a pattern/" aria-label="Search the columns" value={q} onInput={(event) => setQ(event.currentTarget.value)} />
        <span class="m i3 nw">{shown.length} of {found.data ? count(found.data.total) : '…'}</span>
        <button class="btn" onClick={reset}>as at first</button>
        <kbd>esc</kbd>
      </div>
      {found.error && <Failed what="The columns could not be read" error={found.error} />}
      <div class="list">
        {(['metrics', 'params', 'tags'] as const).map((kind) => {
          const mine = keys.filter((key) => key.kind === kind)
          return mine.length > 0 && (
            <section key={kind}>
              <h2>{kind} <span class="m i3">{count(mine.length)}</span></h2>
              <Tree branches={branchesOf(mine)} depth={0} path={kind} {...{ unfolded, fold, shown, toggle }} all={Boolean(q)} />
            </section>
          )
        })}
        {!q && (
          <section>
            <h2>about the run</h2>
            {ATTRIBUTES.map((column) => <Leaf key={column} column={column} label={titleOf(column)} detail="" depth={0} on={shown.includes(column)} toggle={toggle} />)}
          </section>
        )}
      </div>
    </Dialog>
  )
}

interface TreeProps {
  branches: Branch[]
  depth: number
  path: string
  unfolded: ReadonlySet<string>
  fold: (path: string) => void
  shown: readonly string[]
  toggle: ChooserProps['toggle']
  /** Searched: all that was found is shown. */
  all: boolean
}

function Tree(props: TreeProps) {
  const { branches, depth, path, unfolded, fold, shown, toggle, all } = props
  return (
    <>
      {branches.map((branch) => {
        const own = `${path}/${branch.label}`
        if (branch.key) return <Leaf key={own} column={branch.key.column} label={branch.label} detail={detailOf(branch.key)} depth={depth} on={shown.includes(branch.key.column)} toggle={toggle} />
        const isOpen = all || unfolded.has(own)
        const inside = branch.columns
        const on = inside.filter((column) => shown.includes(column)).length
        return (
          <div key={own} role="group" aria-label={branch.label}>
            <div class="leaf" style={{ paddingLeft: `${12 + depth * 16}px` }}>
              <button class="fold" aria-expanded={isOpen} onClick={() => fold(own)}><Chevron to={isOpen ? 'down' : 'right'} /><span class="m">{branch.label}/</span></button>
              <span class="m i3">{count(inside.length)}</span>
              <span class="x" />
              {inside.length <= 40 && <button class="btn flat" onClick={() => toggle(inside, on < inside.length)}>{on < inside.length ? 'show all' : 'hide all'}</button>}
            </div>
            {isOpen && <Tree {...props} branches={branch.inside} depth={depth + 1} path={own} />}
          </div>
        )
      })}
    </>
  )
}

function Leaf({ column, label, detail, depth, on, toggle }: { column: string; label: string; detail: string; depth: number; on: boolean; toggle: ChooserProps['toggle'] }) {
  return (
    <label class="leaf" style={{ paddingLeft: `${12 + depth * 16}px` }}>
      <input type="checkbox" checked={on} onChange={() => toggle([column], !on)} />
      <span class="m cut">{label}</span>
      <span class="x" />
      <span class="m i3 nw">{detail}</span>
    </label>
  )
}

const detailOf = (key: Key): string =>
  `${count(key.runs)} runs, ${key.min === null || key.max === null ? `${count(key.distinct)} values` : key.min === key.max ? one(key.min) : `${one(key.min)} to ${one(key.max)}`}`
