/** Sessions: the conversations that traces are turns of, the last one first. */
import { exact, one, plural } from '../../core/format'
import { isFilter, withTerm } from '../../core/grammar'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { listParam, navigate, param, setQuery } from '../../core/router'
import { stamp } from '../../core/times'
import { Bar } from '../../parts/bar'
import { useRowCursor } from '../../parts/cursor'
import { Filter } from '../../parts/filter'
import { Foot } from '../../parts/foot'
import { Failed, Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import { complete } from './complete'
import { ofUser, scopeOf, sessionsQuery, talkTo } from './scope'
import { dollars } from './spans'
import { asked } from './words'
import './page.css'

interface Sessions {
  ids: string[]
  users: (string | null)[]
  turns: number[]
  failed: number[]
  tokens: (number | null)[]
  costs: (number | null)[]
  first: number[]
  last: number[]
  requests: string[]
  experiments: string[]
  experiment_names: Record<string, string>
  total: number
  among: number
}

export default function Sessions() {
  const scope = scopeOf()
  const experiments = listParam('exp')
  const found = useResource<Sessions>('traces/sessions', sessionsQuery(scope))
  const { data } = found
  const at = useRowCursor('Sessions', data?.ids.length ?? 0, (index) => navigate(talkTo(data!.ids[index]!)))
  const traces = () => setQuery({ by: null })
  useKeys('Session list', { s: { does: 'Trace by trace', run: traces }, u: { does: 'All traces', run: () => navigate('/traces') } })
  const wrong = found.error?.status === 400 ? found.error : undefined
  const several = data && new Set(data.experiments).size > 1
  return (
    <>
      <Bar place={<><a class="i3" href={href('/traces')}>traces</a><span class="sep">/</span><h1>sessions</h1></>}>
        <Filter value={scope.q} apply={(q) => setQuery({ q })} complete={(where) => complete(experiments, where)} placeholder="metadata.mlflow.trace.user = 'ann', or any words in a span" count={data ? plural(data.total, 'session') : ''} error={wrong} memory="traces" />
      </Bar>
      {found.error && !wrong && <Failed what="The sessions could not be read" error={found.error} still={data ? `What is shown is as of ${stamp(found.at)}.` : undefined} retry={found.reload} />}
      <div class="scroll dots">
        {data && data.ids.length > 0 && (
          <table class="talks">
            <colgroup><col class="w-id" /><col /><col class="w-user" /><col class="w-n" /><col class="w-n" /><col class="w-n" /><col class="w-n" /><col class="w-age" /></colgroup>
            <thead><tr><th>session</th><th>last question</th><th>user</th><th class="r">turns</th><th class="r">failed</th><th class="r">tokens</th><th class="r">cost</th><th class="r">last</th></tr></thead>
            <tbody>
              {data.ids.map((id, i) => (
                <tr key={id} class={i === at ? 'at' : ''}>
                  <td class="w5"><a href={href(talkTo(id))} title={id}>{id}</a></td>
                  <td class="i2" title={data.requests[i]}>{asked(data.requests[i]!)}{several && <span class="i3"> {data.experiment_names[data.experiments[i]!]}</span>}</td>
                  <td>{data.users[i] && <button class="cut" tabIndex={-1} title={`Only sessions of ${data.users[i]}`} onClick={(event) => { const q = param('q'); event.currentTarget.blur(); setQuery({ q: withTerm(isFilter(q) ? q : '', ofUser(data.users[i]!)) }) }}>{data.users[i]}</button>}</td>
                  <td class="r">{exact(data.turns[i])}</td>
                  <td class={`r ${data.failed[i] ? 'bad' : 'i3'}`}>{data.failed[i] ? exact(data.failed[i]) : '–'}</td>
                  <td class="r">{one(data.tokens[i])}</td>
                  <td class="r">{data.costs[i] === null ? '–' : dollars(data.costs[i])}</td>
                  <td class="r i2"><Age at={data.last[i]!} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {data && !data.ids.length && !wrong && (scope.q ? <Nothing title="No session fits">Take a condition away, or look at <button class="link" onClick={() => setQuery({ q: null })}>all sessions</button>.</Nothing> : <Nothing title="No sessions yet">Traces with the same <span class="m">mlflow.trace.session</span> are turns of a session: <span class="m">mlflow.update_current_trace(metadata={'{'}"mlflow.trace.session": id{'}'})</span></Nothing>)}
      </div>
      <Foot>
        {data && <span>{data.among ? `of the last ${plural(data.among, 'trace')}` : 'the last one first'}{data.total > data.ids.length && `, ${exact(data.ids.length)} of ${exact(data.total)} shown`}</span>}
        <button class="k2" onClick={traces}>trace by trace<kbd>s</kbd></button>
      </Foot>
    </>
  )
}
