import type { Route } from '../../core/router'

export const routes: Route[] = [{ path: '/runs/:id', load: () => import('./page'), rail: 'runs', title: 'Run' }]
