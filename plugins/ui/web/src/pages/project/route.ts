import type { Route } from '../../core/router'

export const routes: Route[] = [{ path: '/projects/:run', load: () => import('./page'), rail: 'runs', title: 'Project' }]
