import { ahead } from '../../core/api'
import type { Route } from '../../core/router'
import { compareQuery } from './asked'

/** Asked for at once, while the code comes. */
function first(): void {
  const query = compareQuery()
  if (query.run_ids.length) ahead('runs/compare', query)
}

export const routes: Route[] = [{ path: '/compare', load: () => import('./page'), ahead: first, rail: 'runs', title: 'Compare' }]
