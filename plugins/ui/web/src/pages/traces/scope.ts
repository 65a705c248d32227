/** What of the address says which traces are looked at; kept in links to one of them. */
import { asSearch, param } from '../../core/router'

const PAGE = 100
/** Of a queue, which one walks through from trace to trace. */
const QUEUE = 500

export interface Scope {
  exp: string
  q: string
  sort: string
  /** The id of a review queue, whose traces they are then. */
  queue: string
}

export const scopeOf = (): Scope => ({ exp: param('exp'), q: param('q'), sort: param('sort'), queue: param('queue') })
export const listQuery = (scope: Scope) => ({ experiment_ids: scope.exp.split(',').filter(Boolean), q: scope.q, sort: scope.sort, limit: scope.queue ? QUEUE : PAGE, queue: scope.queue })
export const scoped = (scope: Scope): string => asSearch(Object.fromEntries(Object.entries(scope).filter(([, value]) => value)))
