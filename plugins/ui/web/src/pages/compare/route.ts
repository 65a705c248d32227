import type { Route } from '../../core/router'

export const routes: Route[] = [{ path: '/compare', load: () => import('./page'), rail: 'runs', title: 'Compare' }]
