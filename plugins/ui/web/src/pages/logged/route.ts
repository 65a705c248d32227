import type { Route } from '../../core/router'

const load = () => import('./page')

export const routes: Route[] = [
  { path: '/logged-models', load, rail: 'models', title: 'Logged models' },
  { path: '/logged-models/:id', load, rail: 'models', title: 'Logged model' },
]
