import { ahead } from '../../core/api'
import type { Route } from '../../core/router'
import Home from './page'

// In the first file that is loaded: it is what most see first.
export const routes: Route[] = [{ path: '/', load: () => Promise.resolve({ default: Home }), ahead: () => ahead('ui/home') }]
