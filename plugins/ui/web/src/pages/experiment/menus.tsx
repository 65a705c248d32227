/** The menu of a column, and that of the place: experiments and saved views. */
import { useEffect, useState } from 'preact/hooks'
import { post } from '../../core/api'
import { parseColumn, quotedColumn, termOf, titleOf } from '../../core/columns'
import { withTerm } from '../../core/grammar'
import { asSearch, hasRoute, navigate, query } from '../../core/router'
import { may } from '../../core/root'
import { Float, MenuItem } from '../../parts/menu'
import { Ask } from '../../parts/ask'
import { renameExperiment, saveView } from './actions'
import type { Spread } from './head'
import { type Col, SPARK } from './layout'
import { bestFirst, change, isDown, sortColumn, type View } from './state'

export interface ColumnMenuProps {
  column: string
  at: Element
  cols: Col[]
  view: View
  shown: readonly string[]
  show: (columns: string[], on: boolean) => void
  spread: Spread | undefined
  close: () => void
}

export function ColumnMenu({ column, at, view, shown, show, spread, close }: ColumnMenuProps) {
  const [asking, setAsking] = useState(false)
  if (column === SPARK) return <Float at={at} close={close} label="Curves"><MenuItem does={() => { change({ spark: '-' }); close() }}>Hide the curves</MenuItem></Float>
  const { kind, key } = parseColumn(column)
  const does = (patch: Parameters<typeof change>[0]) => () => { change(patch); close() }
  const move = (step: number) => {
    const next = [...shown]
    const from = next.indexOf(column)
    next.splice(from, 1)
    next.splice(Math.max(0, Math.min(next.length, from + step)), 0, column)
    change({ cols: next })
    close()
  }
  const best = bestFirst(column)
  if (asking && spread?.kind === 'number') {
    const name = quotedColumn(column)
    return <Ask title={`Filter ${titleOf(column)}`} button="Filter" fields={[{ name: 'lo', label: 'From', value: String(spread.edges[0]) }, { name: 'hi', label: 'To', value: String(spread.edges.at(-1)) }]} does={({ lo, hi }) => change({ q: withTerm(view.q, `${name} >= ${lo} and ${name} <= ${hi}`) })} close={close} />
  }
  const other = isDown(best) ? column : `-${column}`
  return (
    <Float at={at} close={close} label={`Column ${titleOf(column)}`}>
      <div class="h">{column}</div>
      <MenuItem does={does({ sort: best })} checked={view.sort === best}>{kind === 'metrics' ? 'Best first' : isDown(best) ? 'Greatest first' : 'Least first'}</MenuItem>
      <MenuItem does={does({ sort: other })} checked={view.sort === other}>{kind === 'metrics' ? 'Worst first' : isDown(other) ? 'Greatest first' : 'Least first'}</MenuItem>
      {sortColumn(view.sort) === column && <MenuItem does={does({ sort: '' })}>Last started first</MenuItem>}
      <hr />
      {kind !== 'metrics' && <MenuItem does={does({ group: view.group === column ? '' : column, open: [] })} checked={view.group === column}>Group by this</MenuItem>}
      <MenuItem does={does(view.colour === column ? { colour: '' } : { colour: column, cols: [...shown] })} checked={view.colour === column}>Colour runs by this</MenuItem>
      {kind === 'metrics' && <MenuItem does={does({ spark: key })} checked={view.spark === key}>Curves of this</MenuItem>}
      {spread?.kind === 'number' && kind !== 'attributes' && <MenuItem does={() => setAsking(true)}>Filter a range…</MenuItem>}
      {spread?.kind === 'text' && spread.values.slice(0, 5).map((value, i) => <MenuItem key={value} does={does({ q: withTerm(view.q, termOf(column, value)) })} detail={String(spread.counts[i])}>Only {value}</MenuItem>)}
      <hr />
      <MenuItem does={() => move(-1)}>Move left</MenuItem>
      <MenuItem does={() => move(1)}>Move right</MenuItem>
      <MenuItem does={() => move(-999)}>Move to the front</MenuItem>
      <MenuItem does={() => { show([column], false); close() }}>Hide</MenuItem>
    </Float>
  )
}

interface Named {
  experiment_id: string
  name: string
}

export interface PlaceMenuProps {
  at: Element
  ids: string
  single: string
  views: Record<string, Record<string, string>>
  view: View
  close: () => void
  rename: () => void
  remove: () => void
}

export function PlaceMenu({ at, ids, single, views, view, close, rename, remove }: PlaceMenuProps) {
  const [found, setFound] = useState<Named[]>([])
  const [text, setText] = useState('')
  const [saving, setSaving] = useState(false)
  useEffect(() => void post<{ experiments?: Named[] }>('/api/2.0/mlflow/experiments/search', { max_results: 1000 }).then((answer) => setFound(answer.experiments ?? []), () => undefined), [])
  const go = (to: string) => () => { close(); navigate(to) }
  if (saving) return <SaveView single={single} close={close} />
  const listed = found.filter((each) => each.name.toLowerCase().includes(text.toLowerCase())).slice(0, 50)
  return (
    <Float at={at} close={close} label="Experiments and views">
      {Object.entries(views).length > 0 && <div class="h" role="presentation">views</div>}
      {Object.entries(views).map(([name, view]) => <MenuItem key={name} does={go(`/experiments/${ids}${asSearch(view)}`)}>{name}</MenuItem>)}
      {single && may('write') && <MenuItem does={() => setSaving(true)}>Save this view…</MenuItem>}
      <hr />
      {found.length > 12 && <div class="h" role="presentation"><input class="input" aria-label="Find an experiment" placeholder="part of a name" value={text} onInput={(event) => setText(event.currentTarget.value)} /></div>}
      {listed.map((each) => <MenuItem key={each.experiment_id} does={go(`/experiments/${each.experiment_id}`)} checked={each.experiment_id === ids}>{each.name}</MenuItem>)}
      <MenuItem does={go('/experiments/all')} checked={ids === 'all'}>all runs</MenuItem>
      {single && may('write') && <MenuItem does={() => { close(); rename() }}>Rename the experiment…</MenuItem>}
      {single && single !== '0' && may('delete') && <MenuItem does={() => { close(); remove() }}>Delete the experiment</MenuItem>}
      <hr />
      <MenuItem does={() => { close(); change({ deleted: view.deleted ? '' : '1', runs: [], open: [] }) }} checked={view.deleted !== ''}>deleted runs</MenuItem>
      {hasRoute('/logged-models') && <MenuItem does={go(`/logged-models${single && `?exp=${single}`}`)}>logged models</MenuItem>}
    </Float>
  )
}

/** Asks for the name that the view of the address is kept under. */
export const SaveView = ({ single, close }: { single: string; close: () => void }) => (
  <Ask title="Save this view" button="Save" fields={[{ name: 'name', label: 'Name' }]} does={({ name }) => void saveView(single, name!, Object.fromEntries(query.peek()))} close={close} />
)

/** Asks for another name of the experiment. */
export const RenamePlace = ({ single, name, renew, close }: { single: string; name: string; renew: () => void; close: () => void }) => (
  <Ask title={`Rename ${name}`} button="Rename" fields={[{ name: 'name', label: 'New name', value: name }]} does={({ name: next }) => void renameExperiment(single, name, next!, renew)} close={close} />
)
