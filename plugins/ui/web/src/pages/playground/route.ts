import { ahead } from '../../core/api'
import { about, may } from '../../core/root'
import { param, type Route } from '../../core/router'
import { promptQuery } from '../../parts/prompt/scope'

export const routes: Route[] = may('read')
  ? [{
      path: '/playground',
      load: () => import('./page'),
      ahead: () => {
        if (param('prompt')) ahead('registry/model', promptQuery(param('prompt')))
        if (about.features.includes('gateway')) ahead('gateway/summary', { span: '1h' })
      },
      rail: 'prompts',
      title: 'Playground',
    }]
  : []
