import { ahead, get } from '../../core/api'
import { provide } from '../../core/palette'
import { navigate, type Route } from '../../core/router'
import { modelQuery, modelsQuery } from './scope'

export const routes: Route[] = [
  { path: '/models', load: () => import('./list'), ahead: () => ahead('registry/models', modelsQuery()), rail: 'models', title: 'Models' },
  { path: '/models/:name', load: () => import('./model'), ahead: ({ name = '' }) => ahead('registry/model', modelQuery(name)), rail: 'models', title: 'Model' },
  { path: '/models/:name/:version', load: () => import('./version'), ahead: ({ name, version }) => ahead('registry/version', { name, version }), rail: 'models', title: 'Model version' },
]

/** Models by name, in the palette of every page. */
provide(async (text, abort) => {
  const word = text.trim().replace(/['%_\\]/g, ' ').trim()
  if (!word) return []
  const found = await get<{ registered_models?: { name: string }[] }>('/api/2.0/mlflow/registered-models/search', { filter: `name ILIKE '%${word}%'`, max_results: 5 }, abort)
  return (found.registered_models ?? []).map(({ name }) => ({ title: name, kind: 'model', run: () => navigate(`/models/${encodeURIComponent(name)}`) }))
})
