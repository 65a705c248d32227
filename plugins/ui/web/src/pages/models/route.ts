import type { Route } from '../../core/router'

const load = () => import('./page')

export const routes: Route[] = [
  { path: '/models', load, rail: 'models', title: 'Models' },
  { path: '/models/:name', load, rail: 'models', title: 'Model' },
  { path: '/models/:name/:version', load, rail: 'models', title: 'Model version' },
]
