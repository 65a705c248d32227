/** The last calls, as they come. */
import { count } from '../../core/format'
import { Chevron } from '../../parts/icon'
import { Clock } from '../../parts/time'
import { aligned, type Call, outcomeOf, secs, usd, why } from './answers'
import type { Live } from './tail'

const HUES: Record<string, string> = { error: 'bad', fallback: 'warn', refused: 'warn', cached: 'i3', gone: 'i3', ok: 'i2' }

export function Tail({ live, calls, q }: { live: Live; calls: readonly Call[]; q: string }) {
  const who = calls.some((call) => call.user || call.key)
  return (
    <section class="gw-live" aria-label="Last calls" onPointerEnter={() => live.hold(true)} onPointerLeave={() => live.hold(false)}>
      <div class="cap">
        <h2>Live</h2>
        <span class="m i3">{live.error ? live.error.message : 'pauses under the pointer'}</span>
        <span class="x" />
        {live.held > 0 && <button class="btn flat" onClick={live.show}>{count(live.held)} new <Chevron to="up" /></button>}
      </div>
      {calls.length > 0 ? (
        <table class="gw-tail">
          <caption class="sr">Last calls, the newest first</caption>
          <colgroup><col class="at" /><col class="name" /><col class="model" />{who && <col class="who" />}<col class="out" /><col class="n" /><col class="n" /><col class="n" /><col /></colgroup>
          <thead class="sr"><tr><th>when</th><th>endpoint</th><th>model</th>{who && <th>who</th>}<th>outcome</th><th>time</th><th>tokens</th><th>cost</th><th>why</th></tr></thead>
          <tbody>{calls.map((call) => <Line key={call.number} call={call} who={who} />)}</tbody>
        </table>
      ) : (
        <p class="gw-none i3 s">{live.calls.length && q ? 'None of the last calls fits.' : 'No calls yet. They come here by themselves.'}</p>
      )}
    </section>
  )
}

function Line({ call, who }: { call: Call; who: boolean }) {
  const outcome = outcomeOf(call)
  const first = call.first_token_seconds ? `, first token after ${secs(call.first_token_seconds)} s` : ''
  return (
    <tr title={`request ${call.id}, status ${call.status}${first}`}>
      <td class="i3"><Clock at={call.started_ms} /></td>
      <td>{call.endpoint || '–'}</td>
      <td class="i2">{call.model || '–'}</td>
      {who && <td class="i2">{call.key || call.user}</td>}
      <td class={HUES[outcome] ?? ''}>{outcome}</td>
      <td class="r">{aligned([secs(call.seconds), '0.000'])[0]} s</td>
      <td class="r i2">{count(call.tokens_in + call.tokens_out)} tok</td>
      <td class="r i2">{aligned([usd(call.usd), '$0.0000'])[0]}</td>
      <td class="g i3">{why(call)}</td>
    </tr>
  )
}
