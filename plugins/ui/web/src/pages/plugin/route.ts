import type { Route } from '../../core/router'

export const routes: Route[] = [{ path: '/p/:key/:rest*', load: () => import('./page') }]
