import type { Route } from '../../core/router'

export const routes: Route[] = [{ path: '/recipes/:run', load: () => import('./page'), rail: 'runs', title: 'Recipe' }]
