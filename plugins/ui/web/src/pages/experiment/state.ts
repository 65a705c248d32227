/** What the address says about the view, and how it is changed. */
import { lessIsBetter } from '../../core/direction'
import { parseColumn } from '../../core/columns'
import { asList, listParam, param, setQuery } from '../../core/router'

export type ViewName = 'table' | 'charts' | 'split'

export interface View {
  view: ViewName
  q: string
  /** '-metrics.acc': greatest first. '' for the last started first. */
  sort: string
  /** What is shown, in order; empty: the server chooses. */
  cols: string[]
  group: string
  /** Runs, or values of groups, whose rows are unfolded. */
  open: string[]
  /** Picked runs. */
  runs: string[]
  hidden: string[]
  /** The run beside the table. */
  peek: string
  /** The metric of the curves; '-' for none, '' for the first one shown. */
  spark: string
  /** The column whose values runs are coloured by; '' for a colour of each run's own. */
  colour: string
  /** '1': the runs that were deleted, which can be restored. */
  deleted: string
}

export function viewOf(): View {
  const view = param('view')
  return {
    view: view === 'charts' || view === 'split' ? view : 'table',
    q: param('q'), sort: param('sort'), cols: listParam('cols'), group: param('group'), open: listParam('open'),
    runs: listParam('runs'), hidden: listParam('hide'), peek: param('peek'), spark: param('spark'), colour: param('colour'), deleted: param('deleted'),
  }
}

type Patch = Partial<Omit<View, 'view'>> & { view?: ViewName }
const NAMES: Record<string, string> = { hidden: 'hide' }

export function change(patch: Patch, replace = false): void {
  const query: Record<string, string | null> = {}
  for (const [name, value] of Object.entries(patch)) {
    const text = Array.isArray(value) ? asList(value) : (value as string)
    query[NAMES[name] ?? name] = name === 'view' && text === 'table' ? null : text
  }
  setQuery(query, { replace })
}

export const sortColumn = (sort: string): string => sort.replace(/^-/, '')
export const isDown = (sort: string): boolean => sort.startsWith('-')

/** The order of a first click: the best first. */
export function bestFirst(column: string): string {
  const { kind, key } = parseColumn(column)
  const down = kind === 'metrics' ? !lessIsBetter(key) : column === 'attributes.start_time'
  return down ? `-${column}` : column
}

/** The order after a click on a head: the best first, then the other way, then none. */
export function nextSort(sort: string, column: string): string {
  const best = bestFirst(column)
  if (sortColumn(sort) !== column) return best
  return sort === best ? (isDown(best) ? column : `-${column}`) : ''
}

export const toggled = (list: readonly string[], item: string): string[] =>
  list.includes(item) ? list.filter((each) => each !== item) : [...list, item]
