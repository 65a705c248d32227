import { ahead } from '../../core/api'
import { listParam, param, type Route } from '../../core/router'

/** Asked for at once, while the code comes. */
const first = (): void => { for (const run_id of listParam('runs').slice(0, 2)) ahead('evaluations/rows', { run_id, table: param('table') }) }

export const routes: Route[] = [{ path: '/evaluate', load: () => import('./page'), ahead: first, rail: 'runs', title: 'Evaluation' }]
