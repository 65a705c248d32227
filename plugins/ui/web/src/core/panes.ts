/** Parts of one page that another room of pages/ brings: the charts beside the run table, the peek. */
import type { ComponentType } from 'preact'

export interface RunRef {
  id: string
  name: string
  status: string
  experiment: string
}

export interface PaneProps {
  /** Whose runs are shown. */
  experiments: readonly string[]
  /** The runs in question, in the order of the table: the picked ones, else the first in sight. */
  runs: readonly RunRef[]
  /** The filter that they match. */
  q: string
  /** Counts up when runs of these changed on the server: ask again for what is on the screen. */
  turn: number
  /** Pinned runs. */
  pins?: readonly string[]
}

/** Loads the code of a pane; it may ask for data, with `ahead` of core/api, at the same time. */
export type Load = (pane: PaneProps) => Promise<{ default: ComponentType<PaneProps> }>

/** 'charts': beside or in place of the table; 'peek': one run, at the right of the table. */
export type PaneName = 'charts' | 'peek'

const panes = new Map<PaneName, Load>()

export function registerPanes(found: Partial<Record<PaneName, Load>>): void {
  for (const [name, load] of Object.entries(found)) panes.set(name as PaneName, load)
}

export const paneOf = (name: PaneName): Load | undefined => panes.get(name)
