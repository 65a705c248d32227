import type { Route } from '../../core/router'
import Experiment from './page'

// In the first file that is loaded: it is the page that most time is spent on.
export const routes: Route[] = [{ path: '/experiments/:ids', load: () => Promise.resolve({ default: Experiment }), rail: 'runs', next: ['/runs/0'] }]
