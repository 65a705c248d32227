import { ahead } from '../../core/api'
import { about } from '../../core/root'
import { param, type Route } from '../../core/router'
import { promptQuery } from '../../parts/prompt/scope'

// Prompts are kept by the registry: where there is none, there are none.
export const routes: Route[] = about.features.includes('registry')
  ? [
      { path: '/prompts', load: () => import('./list'), ahead: () => ahead('ui/prompts', { q: param('q'), page_token: param('page') }), rail: 'prompts', title: 'Prompts' },
      { path: '/prompts/:name', load: () => import('./prompt'), ahead: ({ name = '' }) => ahead('registry/model', promptQuery(name, param('page'))), rail: 'prompts', title: 'Prompt' },
    ]
  : []
