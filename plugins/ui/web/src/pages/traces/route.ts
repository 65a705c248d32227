import { ahead } from '../../core/api'
import type { Route } from '../../core/router'
import { askAhead, viewOf } from './scope'

const VIEWS = { session: () => import('./session'), sessions: () => import('./sessions'), traces: () => import('./list') }

export const routes: Route[] = [
  { path: '/traces', load: () => { void VIEWS[viewOf()]().catch(() => undefined); return import('./page') }, ahead: askAhead, rail: 'traces', title: 'Traces' },
  { path: '/traces/:id', load: () => import('./trace'), ahead: ({ id }) => ahead('traces/overview', { trace_id: id }), rail: 'traces', title: 'Trace' },
]
