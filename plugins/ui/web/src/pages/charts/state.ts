/** What the address says about the grid of charts. */
import { asList, listParam, param, setQuery } from '../../core/router'
import { type Added, addedAs, addedOf } from './added'

export interface Grid {
  /** Which metrics: a part of the name, or a regular expression. */
  find: string
  /** How many charts stand beside each other; 0: as many as there is room for. */
  columns: number
  /** Prefixes that are not as they are by themselves: folded or unfolded. */
  toggled: readonly string[]
  /** Metrics that were moved to the front. */
  order: readonly string[]
  added: readonly Added[]
  /** How many runs are drawn at the most. */
  most: number
}

export const MOST_RUNS = 30

export function gridOf(): Grid {
  return {
    find: param('find'),
    columns: Math.min(6, Math.max(0, Math.floor(Number(param('grid'))) || 0)),
    toggled: listParam('fold'),
    order: listParam('order'),
    added: listParam('plots').flatMap((text) => addedOf(text) ?? []),
    most: Math.min(100, Math.max(1, Math.floor(Number(param('lines'))) || MOST_RUNS)),
  }
}

export const setAdded = (added: readonly Added[]): void => setQuery({ plots: asList(added.map(addedAs)) })
export const setOrder = (order: readonly string[]): void => setQuery({ order: asList(order) })
export const toggle = (grid: Grid, prefix: string): void =>
  setQuery({ fold: asList(grid.toggled.includes(prefix) ? grid.toggled.filter((each) => each !== prefix) : [...grid.toggled, prefix]) })
