import { about, may } from '../../core/root'
import type { Route } from '../../core/router'

// Without the plugin, or for those who may not see it, there is no such page.
const isHere = about.features.includes('gateway') && may('read')

export const routes: Route[] = isHere
  ? [
      { path: '/gateway', load: () => import('./page'), rail: 'gateway', title: 'Gateway' },
      ...(may('admin') ? [{ path: '/gateway/keys', load: () => import('./keys'), rail: 'gateway', title: 'Keys of the gateway' }] : []),
    ]
  : []
