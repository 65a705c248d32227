/** The traces of the run, the last first. */
import { useEffect, useState } from 'preact/hooks'
import type { Failure } from '../../core/api'
import { useKeys } from '../../core/keys'
import { href } from '../../core/root'
import { navigate } from '../../core/router'
import { duration } from '../../core/times'
import { Failed, Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import { isLive, type Overview } from './data'
import { searchTraces, type TraceInfo } from './use'

const PAGE = 100

export default function Traces({ run, turn }: { run: Overview; turn: number }) {
  const [found, setFound] = useState<{ traces: TraceInfo[]; next?: string }>()
  const [error, setError] = useState<Failure>()
  const [at, setAt] = useState(-1)
  const id = run.info.run_id
  const load = (page?: string) =>
    searchTraces(run, PAGE, page).then(
      (answer) => { setError(undefined); setFound((now) => ({ traces: page ? [...(now?.traces ?? []), ...answer.traces] : answer.traces, next: answer.next_page_token })) },
      (broken: Failure) => setError(broken),
    )
  // Traces come without a change of the run; those behind the first page are left as they are.
  useEffect(() => { if (!found || found.traces.length <= PAGE) void load() }, [id, isLive(run.info.status) ? turn : 0])
  const traces = found?.traces ?? []
  const open = (trace: TraceInfo | undefined) => trace && navigate(`/traces/${encodeURIComponent(trace.trace_id)}`)
  useKeys('Traces', {
    j: { does: 'Next trace', run: () => setAt(Math.min(traces.length - 1, at + 1)), quiet: true },
    k: { does: 'Trace before', run: () => setAt(Math.max(0, at - 1)), quiet: true },
    Enter: { does: 'Open the trace', run: () => open(traces[at]), needs: !traces[at] && 'a trace under the cursor (j)' },
  })
  useEffect(() => document.querySelector(`.run-traces-tab tbody tr:nth-child(${at + 1})`)?.scrollIntoView({ block: 'nearest' }), [at])
  if (error && !found) return <Failed what="The traces could not be read" error={error} still="The rest of the run is shown." retry={() => void load()} />
  if (!found) return null
  if (!traces.length) return <div class="dots fillup"><Nothing title="No traces">What is called between <span class="m">start_run()</span> and its end is traced with <span class="m">@pegboard.trace</span>, or with an integration's autolog.</Nothing></div>
  return (
    <div class="run-traces-tab scroll" tabIndex={0} role="region" aria-label="Traces">
      <table>
        <thead><tr><th class="name">trace</th><th class="wide">asked</th><th class="wide">answered</th><th class="r">took</th><th>state</th><th class="r">age</th></tr></thead>
        <tbody>
          {traces.map((trace, i) => (
            <tr key={trace.trace_id} class={i === at ? 'pick' : ''} onClick={() => open(trace)}>
              <td title={`${trace.tags?.['mlflow.traceName'] ?? ''} ${trace.trace_id}`}><a href={href(`/traces/${encodeURIComponent(trace.trace_id)}`)}>{trace.tags?.['mlflow.traceName'] || trace.trace_id.slice(0, 14)}</a></td>
              <td class="i2" title={trace.request_preview}>{trace.request_preview}</td>
              <td class="i2" title={trace.response_preview}>{trace.response_preview}</td>
              <td class="r">{duration(took(trace.execution_duration))}</td>
              <td class={trace.state === 'ERROR' ? 'bad' : 'i2'}>{trace.state.toLowerCase().replace('_', ' ')}</td>
              <td class="r i3"><Age at={Date.parse(trace.request_time)} /></td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.next && <div class="more"><button class="btn" onClick={() => void load(found.next)}>More traces</button></div>}
    </div>
  )
}

/** '1.5s' as the protocol writes a duration, in ms. */
export const took = (text: string | undefined): number | undefined => (text ? Number.parseFloat(text) * 1000 : undefined)
