import { ahead } from '../../core/api'
import { param, type Route } from '../../core/router'

/** The first tab comes with the page, as most come for it. */
function load() {
  if (!param('tab')) void import('./overview').catch(() => undefined)
  return import('./page')
}

export const routes: Route[] = [{ path: '/runs/:id', load, ahead: ({ id }) => ahead('runs/overview', { run_id: id }), rail: 'runs', title: 'Run' }]
