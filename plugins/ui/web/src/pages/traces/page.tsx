/** The lists of traces: one by one, by session, and the turns of one session. */
import { lazily } from '../../parts/lazy'
import { viewOf } from './scope'

const VIEWS = {
  traces: lazily('The traces', () => import('./list')),
  sessions: lazily('The sessions', () => import('./sessions')),
  session: lazily('The conversation', () => import('./session')),
}

export default function Page() {
  const View = VIEWS[viewOf()]
  return <View />
}
