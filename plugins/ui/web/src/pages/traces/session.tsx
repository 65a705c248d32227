/** A session as the conversation that it was: what was asked and answered, turn by turn. */
import { useEffect, useState } from 'preact/hooks'
import { get } from '../../core/api'
import { count, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { asSearch, navigate, param } from '../../core/router'
import { stamp } from '../../core/times'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { type Json, JsonTree } from '../../parts/json'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { typedOf } from '../../parts/review/feedback'
import { ofUser, scoped, scopeOf, turnsQuery } from './scope'
import { dollars, took } from './spans'
import { answeredIn, askedIn, type Part, sumOf, type Told, type Turn } from './turns'
import { short } from './words'
import './page.css'

interface Answer {
  turns: Turn[]
  next_page_token: string | null
}

const POLL_MS = 5000
const STATES: Record<string, string> = { OK: 'finished', ERROR: 'failed', IN_PROGRESS: 'running' }

export default function Session() {
  return <Talk key={param('session')} />
}

function Talk() {
  const scope = scopeOf()
  const found = useResource<Answer>('traces/session', turnsQuery(scope))
  const [more, setMore] = useState<Answer[]>([])
  const [at, setAt] = useState(-1)
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && found.reload(), POLL_MS)
    return () => clearInterval(timer)
  }, [])
  const pages = found.data ? [found.data, ...more] : []
  const turns = pages.flatMap((page) => page.turns)
  const token = pages.at(-1)?.next_page_token
  const next = () => {
    if (token) void get<Answer>('traces/session', { ...turnsQuery(scope), page_token: token }).then((page) => setMore((now) => [...now, page]), () => undefined)
  }
  const go = (index: number) => {
    const to = Math.max(0, Math.min(turns.length - 1, index))
    setAt(to)
    document.getElementById(`turn-${to}`)?.scrollIntoView({ block: 'nearest' })
  }
  const linkTo = (turn: Turn) => `/traces/${encodeURIComponent(turn.trace_id)}${scoped(scope)}`
  const all = `/traces${asSearch({ ...(scope.exp && { exp: scope.exp }), by: 'session' })}`
  const forth = turns.length ? { does: 'Next turn', run: () => go(at + 1), quiet: true } : undefined
  const back = turns.length ? { does: 'Turn before', run: () => go(at - 1), quiet: true } : undefined
  useKeys('Conversation', {
    j: forth, ArrowDown: forth, k: back, ArrowUp: back,
    Enter: { does: 'Open the trace of the turn', run: () => navigate(linkTo(turns[at]!)), needs: !turns[at] && 'a turn under the cursor (j)' },
    e: { does: 'Next turn that failed', run: () => go(turns.findIndex((turn, i) => i > at && turn.state === 'ERROR')), needs: !turns.some((turn, i) => i > at && turn.state === 'ERROR') && 'a turn that failed' },
    u: { does: 'All sessions', run: () => navigate(all) },
  })
  const sum = sumOf(turns)
  return (
    <>
      <Bar place={<><a class="i3" href={href(all)}>sessions</a><span class="sep">/</span><h1 class="cut" title={scope.session}>{scope.session}</h1></>} live={turns.filter((turn) => turn.state === 'IN_PROGRESS').length}>
        {found.data && (
          <p class="talk-sum m i3" role="status">
            {token ? `first ${plural(sum.turns, 'turn')}` : plural(sum.turns, 'turn')}{sum.tokens !== null && ` · ${count(sum.tokens)} tokens`}{sum.cost !== null && ` · ${dollars(sum.cost)}`}{` · ${took(sum.ms)} of work`}
            {sum.failed > 0 && <span class="bad"> · {count(sum.failed)} failed</span>}
            {sum.users.slice(0, 3).map((user) => <> · <a href={href(`/traces${asSearch({ by: 'session', q: ofUser(user) })}`)}>{user.slice(0, 60)}</a></>)}
          </p>
        )}
      </Bar>
      {found.error && <Failed what="The conversation could not be read" error={found.error} still={found.data ? `What is shown is as of ${stamp(found.at)}.` : undefined} retry={found.reload} />}
      <div class="scroll dots">
        {found.data && !turns.length ? (
          <Nothing title="No trace is of this session"><a class="link" href={href(all)}>All sessions</a></Nothing>
        ) : (
          turns.length > 0 && (
            <div class="talk">
              <ol aria-label="Turns">{turns.map((turn, i) => <One key={turn.trace_id} turn={turn} number={i + 1} on={i === at} to={linkTo(turn)} />)}</ol>
              {token && <button class="btn" onClick={next}>More turns</button>}
            </div>
          )
        )}
      </div>
      <Foot>{found.data && <span>in their order</span>}<a class="k2" href={href(all)}>all sessions<kbd>u</kbd></a></Foot>
    </>
  )
}

function One({ turn, number, on, to }: { turn: Turn; number: number; on: boolean; to: string }) {
  const failed = turn.state === 'ERROR'
  const scores = turn.assessments.filter((each) => each.kind !== 'issue')
  return (
    <li id={`turn-${number - 1}`} class={on ? 'on' : ''} aria-current={on ? 'true' : undefined}>
      <div class="m i3 of">
        <span class={failed ? 'failed' : ''}><Peg status={STATES[turn.state] ?? 'hidden'} /></span>
        <a class="link nw cut" href={href(to)}>{number} {turn.name ?? short(turn.trace_id)}</a>
        <time class="nw" dateTime={new Date(turn.time).toISOString()}>{stamp(turn.time)}</time>
        {turn.duration !== null && <span class="nw">{took(turn.duration)}</span>}
        {turn.tokens !== null && <span class="nw">{count(turn.tokens)} tok</span>}
        {turn.cost !== null && <span class="nw">{dollars(turn.cost)}</span>}
        {turn.spans > 1 && <span class="nw k2">{plural(turn.spans, 'span')}</span>}
      </div>
      <Says who={turn.user || 'user'} told={askedIn(turn.input.value)} part={turn.input} asks />
      {turn.output.value !== null || turn.state === 'OK' ? <Says who="assistant" told={answeredIn(turn.output.value, turn.input.value)} part={turn.output} /> : turn.state === 'IN_PROGRESS' && <p class="i3 s">It has not answered yet.</p>}
      {failed && <p class="bad s said">{turn.error || 'It failed.'}</p>}
      {scores.length > 0 && <p class="m scores">{scores.slice(0, 12).map((each) => <span key={each.id} title={[each.source, each.rationale].filter(Boolean).join(': ')}><span class="i3">{each.kind === 'expectation' ? 'expected ' : ''}{each.name}</span> {each.error ? <span class="bad">failed</span> : typedOf(each.value).slice(0, 120)}</span>)}</p>}
    </li>
  )
}

function Says({ who, told, part, asks = false }: { who: string; told: Told; part: Part; asks?: boolean }) {
  return (
    <div class={`says ${asks ? 'asks' : ''}`}>
      <h2 class="m i3">{who.slice(0, 60)}</h2>
      {'text' in told ? <p class="said">{told.text}</p> : told.value === null ? <p class="i3 s">nothing was recorded</p> : typeof told.value === 'object' ? <JsonTree value={told.value as Json} find="" open={1} /> : <p class="said">{String(told.value)}</p>}
      {part.cut > 0 && <p class="i3 s">the first part of {count(part.cut)} characters; the trace has all</p>}
    </div>
  )
}
