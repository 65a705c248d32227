/** What the palette offers of the table: colours, groups, the order, columns and views, by name. */
import { get } from '../../core/api'
import { parseColumn, titleOf } from '../../core/columns'
import { ask, type Item } from '../../core/palette'
import { asSearch, navigate } from '../../core/router'
import { bestFirst, change, type View } from './state'

export interface Commanded {
  experiments: readonly string[]
  ids: string
  view: View
  /** The columns that are shown. */
  shown: readonly string[]
  show: (columns: string[], on: boolean) => void
  views: Record<string, Record<string, string>>
  /** Asks for a name to keep the view under; without it nobody may. */
  save?: () => void
  /** Asks for another name of the experiment; without it nobody may. */
  rename?: () => void
  /** Deletes the experiment; without it nobody may. */
  remove?: () => void
}

const KEYS = 20
/** What begins a command about a column, and what follows is a part of its name. */
const ABOUT = /^(?:colou?r|group|order|sort|curves?|show|hide)(?: runs)?(?: by| of| column| the)*(?: +(.*))?$/i
const ALSO: Record<string, string> = { Colour: 'color runs by', Order: 'sort by', Curves: 'sparklines of' }

const doing = (title: string, run: () => void, more: Partial<Item> = {}): Item => ({ title, kind: 'do', run, ...more })

/** All that can be done with a column. */
function ofColumn(column: string, { view, shown, show }: Commanded): Item[] {
  const { kind, key } = parseColumn(column)
  const name = titleOf(column)
  const made = (verb: string, run: () => void): Item => doing(`${verb} ${name}`, run, { detail: column, also: `${ALSO[verb.split(' ')[0]!] ?? verb} ${column}` })
  const items = [
    made('Colour runs by', () => change({ colour: column, ...(shown.length ? { cols: [...shown] } : {}) })),
    made('Order by', () => change({ sort: bestFirst(column) })),
  ]
  if (kind !== 'metrics') items.push(made('Group by', () => change({ group: column, open: [] })))
  else items.push(made('Curves of', () => change({ spark: key })))
  items.push(shown.includes(column) ? made('Hide', () => show([column], false)) : made('Show', () => show([column], true)))
  return view.colour === column ? items.slice(1) : items
}

/** What is the case now, and can be given up. */
function toLeave({ view }: Commanded): Item[] {
  return [
    view.deleted ? doing('Runs that are not deleted', () => change({ deleted: '', runs: [] })) : doing('Deleted runs, to restore them', () => change({ deleted: '1', runs: [], open: [] }), { also: 'restore trash' }),
    view.colour && doing('Own colours of runs', () => change({ colour: '' }), { also: 'color no colour' }),
    view.group && doing('No groups', () => change({ group: '', open: [] }), { also: 'ungroup' }),
    view.sort && doing('Last started first', () => change({ sort: '' }), { also: 'no order sort' }),
    view.q && doing('No filter: all runs', () => change({ q: '' })),
    view.cols.length > 0 && doing('Columns as at first', () => change({ cols: [] })),
    view.spark !== '-' && doing('Hide the curves', () => change({ spark: '-' })),
    view.hidden.length > 0 && doing('Show the hidden runs in charts again', () => change({ hidden: [] })),
  ].filter((item): item is Item => Boolean(item))
}

export async function commands(text: string, table: Commanded): Promise<Item[]> {
  const more = (title: string, also?: string): Item => doing(`${title}…`, () => ask(`${title.toLowerCase()} `), { also })
  const items = [more('Colour runs by', 'color runs by'), more('Group by'), more('Order by', 'sort by'), more('Curves of', 'sparklines'), ...toLeave(table)]
  for (const [name, view] of Object.entries(table.views)) items.push({ title: name, kind: 'view', run: () => navigate(`/experiments/${table.ids}${asSearch(view)}`) })
  if (table.save) items.push(doing('Save this view…', table.save))
  if (table.rename) items.push(doing('Rename the experiment…', table.rename))
  if (table.remove) items.push(doing('Delete the experiment', table.remove))
  if (!text) return items
  const columns = new Set([...table.shown, 'attributes.status', 'attributes.user_id'])
  const about = ABOUT.exec(text.trim())
  if (about && table.experiments.length) {
    const found = await get<{ keys: { column: string }[] }>('runs/keys', { experiment_ids: [...table.experiments], q: about[1] ?? '', limit: KEYS })
    for (const { column } of found.keys) columns.add(column)
  }
  return [...items, ...[...columns].flatMap((column) => ofColumn(column, table))]
}
