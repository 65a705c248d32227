import { get } from '../../core/api'
import { provide } from '../../core/palette'
import { navigate, type Route } from '../../core/router'

const load = () => import('./page')

export const routes: Route[] = [
  { path: '/models', load, rail: 'models', title: 'Models' },
  { path: '/models/:name', load, rail: 'models', title: 'Model' },
  { path: '/models/:name/:version', load, rail: 'models', title: 'Model version' },
]

/** Models by name, in the palette of every page. */
provide(async (text, abort) => {
  const word = text.trim().replace(/['%_\\]/g, ' ').trim()
  if (!word) return []
  const found = await get<{ registered_models?: { name: string }[] }>('/api/2.0/mlflow/registered-models/search', { filter: `name ILIKE '%${word}%'`, max_results: 5 }, abort)
  return (found.registered_models ?? []).map(({ name }) => ({ title: name, kind: 'model', run: () => navigate(`/models/${encodeURIComponent(name)}`) }))
})
