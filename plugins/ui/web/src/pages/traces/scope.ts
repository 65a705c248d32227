/** What of the address says which traces are looked at; kept in links to one of them. */
import { ahead, type Params } from '../../core/api'
import { asSearch, param } from '../../core/router'
import { quoted, text } from './words'

const PAGE = 100
/** Of a queue, which one walks through from trace to trace. */
const QUEUE = 500

/** How many turns of a conversation come at a time. */
const TURNS = 50

export interface Scope {
  exp: string
  q: string
  sort: string
  /** The id of a review queue, whose traces they are then. */
  queue: string
  /** A session, whose turns they are then, in their order. */
  session: string
}

/** The metadata that says of which session a trace is, and of which user. */
const SESSION = quoted('metadata.mlflow.trace.session')
const USER = quoted('metadata.mlflow.trace.user')
export const ofUser = (user: string): string => `${USER} = ${text(user)}`

export const scopeOf = (): Scope => ({ exp: param('exp'), q: param('q'), sort: param('sort'), queue: param('queue'), session: param('session') })
const experimentsOf = ({ exp }: Scope): string[] => exp.split(',').filter(Boolean)
export const listQuery = (scope: Scope) => ({
  experiment_ids: experimentsOf(scope), limit: scope.queue ? QUEUE : PAGE, queue: scope.queue,
  ...(scope.session ? { q: `${SESSION} = ${text(scope.session)}`, sort: 'time' } : { q: scope.q, sort: scope.sort }),
})
export const scoped = (scope: Scope): string => asSearch(Object.fromEntries(Object.entries(scope).filter(([, value]) => value)))

export const sessionsQuery = (scope: Scope) => ({ experiment_ids: experimentsOf(scope), q: scope.q })
export const turnsQuery = (scope: Scope) => ({ session: scope.session, experiment_ids: experimentsOf(scope), limit: TURNS })
export const talkTo = (session: string, exp = param('exp')): string => `/traces${asSearch({ ...(exp && { exp }), session })}`

/** Which of the lists the address asks for. */
export const viewOf = (): 'session' | 'sessions' | 'traces' => (param('session') ? 'session' : param('by') === 'session' ? 'sessions' : 'traces')

const ASKED: Record<ReturnType<typeof viewOf>, (scope: Scope) => [string, Params]> = {
  session: (scope) => ['traces/session', turnsQuery(scope)],
  sessions: (scope) => ['traces/sessions', sessionsQuery(scope)],
  traces: (scope) => ['traces/list', listQuery(scope)],
}

/** Ask for what the list of the address shows first. */
export const askAhead = (): void => ahead(...ASKED[viewOf()](scopeOf()))
