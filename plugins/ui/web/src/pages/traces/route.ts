import { ahead } from '../../core/api'
import type { Route } from '../../core/router'
import { listQuery, scopeOf } from './scope'

export const routes: Route[] = [
  { path: '/traces', load: () => import('./list'), ahead: () => ahead('traces/list', listQuery(scopeOf())), rail: 'traces', title: 'Traces' },
  { path: '/traces/:id', load: () => import('./trace'), ahead: ({ id }) => ahead('traces/overview', { trace_id: id }), rail: 'traces', title: 'Trace' },
]
