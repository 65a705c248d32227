import { ahead } from '../../core/api'
import type { Load } from '../../core/panes'
import { namesQuery } from './names'

const charts: Load = ({ experiments }) => {
  if (experiments.length) ahead('runs/keys', namesQuery(experiments))
  return import('./pane')
}

export const panes = { charts }
