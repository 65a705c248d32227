import type { Route } from '../../core/router'
import Experiment from './page'
import { askAhead } from './use'

// In the first file that is loaded: it is the page that most time is spent on.
export const routes: Route[] = [{ path: '/experiments/:ids', load: () => Promise.resolve({ default: Experiment }), ahead: ({ ids }) => askAhead(ids!), rail: 'runs', next: ['/runs/0'] }]
