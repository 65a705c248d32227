import type { Route } from '../../core/router'

export const routes: Route[] = [{ path: '/login', load: () => import('./page'), title: 'Log in' }]
