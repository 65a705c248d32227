/** What of the address says which traces are looked at; kept in links to one of them. */
import { asSearch, param } from '../../core/router'

const PAGE = 100

export interface Scope {
  exp: string
  q: string
  sort: string
}

export const scopeOf = (): Scope => ({ exp: param('exp'), q: param('q'), sort: param('sort') })
export const listQuery = (scope: Scope) => ({ experiment_ids: scope.exp.split(',').filter(Boolean), q: scope.q, sort: scope.sort, limit: PAGE })
export const scoped = (scope: Scope): string => asSearch(Object.fromEntries(Object.entries(scope).filter(([, value]) => value)))
