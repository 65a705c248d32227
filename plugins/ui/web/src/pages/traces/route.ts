import type { Route } from '../../core/router'

export const routes: Route[] = [
  { path: '/traces', load: () => import('./list'), rail: 'traces', title: 'Traces' },
  { path: '/traces/:id', load: () => import('./trace'), rail: 'traces', title: 'Trace' },
]
