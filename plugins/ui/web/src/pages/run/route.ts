import { ahead } from '../../core/api'
import type { Route } from '../../core/router'

export const routes: Route[] = [{ path: '/runs/:id', load: () => import('./page'), ahead: ({ id }) => ahead('runs/overview', { run_id: id }), rail: 'runs', title: 'Run' }]
