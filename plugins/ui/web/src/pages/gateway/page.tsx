/** The gateway: money against its budget, endpoints and how they are, and the last calls. */
import { useEffect } from 'preact/hooks'
import { plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { useProvider } from '../../core/palette'
import { useResource } from '../../core/resource'
import { href, may } from '../../core/root'
import { navigate, param, setQuery, withQuery } from '../../core/router'
import { clock } from '../../core/times'
import { Bar, Segments } from '../../parts/bar'
import { useRowCursor } from '../../parts/cursor'
import { Foot } from '../../parts/foot'
import { Failed } from '../../parts/states'
import { asSpan, callFits, type Endpoint, endpointFits, foundBy, sorted, SPAN_TITLES, SPANS, type Summary } from './answers'
import { Head } from './head'
import { Tail } from './live'
import { SpendPicture, TimesPicture } from './pictures'
import { Setup } from './setup'
import { Endpoints } from './table'
import { useTail } from './tail'
import { TryIt } from './tryit'
import './page.css'

const POLL_MS = 5000

export default function Gateway() {
  const span = asSpan(param('span'))
  const q = param('q')
  const sort = param('sort') || '-spent'
  const trying = param('try')
  const found = useResource<Summary>('gateway/summary', { span })
  const live = useTail()
  const { data } = found
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && found.reload(), POLL_MS)
    return () => clearInterval(timer)
  }, [])
  const endpoints = sorted(data?.endpoints ?? [], sort).filter((each) => endpointFits(q, each) || each.name === q)
  const calls = live.calls.filter((call) => callFits(q, call))
  const chats = (data?.endpoints ?? []).filter((each) => each.chats)
  const canTry = may('invoke') && chats.length > 0
  const go = (endpoint?: Endpoint) => setQuery({ try: endpoint?.name ?? chats[0]?.name ?? null })
  const at = useRowCursor('Endpoints', endpoints.length, (index) => setQuery({ q: endpoints[index]?.name ?? null }))
  const current = endpoints[at]
  useKeys('Gateway', {
    '/': { does: 'Find endpoints and calls', run: () => document.querySelector<HTMLInputElement>('.gw-find')?.focus() },
    t: canTry ? { does: current?.chats ? `Try ${current.name}` : 'Try an endpoint', run: () => go(current?.chats ? current : undefined) } : undefined,
    'g k': may('admin') ? { does: 'Keys of clients', run: () => navigate('/gateway/keys') } : undefined,
    ...Object.fromEntries(SPANS.map((each, i) => [String(i + 1), { does: `The last ${SPAN_TITLES[each]}`, run: () => setQuery({ span: each === '24h' ? null : each }), quiet: each === span }])),
  })
  useProvider(() => (data?.endpoints ?? []).map((each) => ({ title: each.name, kind: 'endpoint', run: () => setQuery({ q: each.name }) })), [data])
  const isNew = data && !data.totals.calls && !data.totals.before && !live.calls.length
  return (
    <>
      <Bar
        place={<h1>gateway</h1>}
        right={
          <span class="gw-right">
            {may('admin') && <a class="btn flat" href={href('/gateway/keys')}>keys<kbd>g k</kbd></a>}
            {canTry && <button class="btn flat" onClick={() => go()}>try<kbd>t</kbd></button>}
            <Segments label="How long back" items={SPANS.map((each) => ({ title: SPAN_TITLES[each], to: href('/gateway') + withQuery({ span: each === '24h' ? null : each }), on: each === span }))} />
          </span>
        }
      >
        <div class="filter"><kbd aria-hidden="true">/</kbd><input class="gw-find" aria-label="Find endpoints and calls" placeholder="part of an endpoint, a model, fallback, error" value={q} onInput={(event) => setQuery({ q: event.currentTarget.value }, { replace: true })} onKeyDown={(event) => { if (event.key === 'Escape') event.currentTarget.blur() }} /><span class="n">{data && plural(endpoints.length, 'endpoint')}</span></div>
      </Bar>
      {found.error && <Failed what="The gateway could not be read" error={found.error} still={data ? `What is shown is as of ${clock(found.at)}.` : undefined} retry={found.reload} />}
      <div class={`gw-body ${canTry && trying ? 'two' : ''}`}>
        <div class="scroll dots gw-page">
          {data && <Faults summary={data} />}
          {data && !data.endpoints.length && <Setup />}
          {data && data.endpoints.length > 0 && (
            <>
              <Head summary={data} span={span} />
              {!isNew && <div class="gw-mid"><SpendPicture spend={data.spend} /><TimesPicture summary={data} title={SPAN_TITLES[span]} /></div>}
              <Endpoints endpoints={endpoints} sort={sort} at={at} title={SPAN_TITLES[span]} step={`${data.step_ms / 60_000} minutes`} finder={foundBy(data.found_by)} />
              {!endpoints.length && <p class="gw-none i3 s">No endpoint fits. <button class="link" onClick={() => setQuery({ q: null })}>Show all</button></p>}
              {isNew ? <Setup endpoint={chats[0]?.name ?? data.endpoints[0]!.name} embedded={data.embedded} /> : <Tail live={live} calls={calls} q={q} />}
            </>
          )}
        </div>
        {data && canTry && trying && <TryIt endpoints={data.endpoints} chosen={trying} needsKey={data.needs_key} />}
      </div>
      <Foot right={<span class="k2 k">{data?.embedded ? 'nothing is configured: the embedded model answers' : ''}</span>}>
        {data && <span class="acts">{q && <button onClick={() => setQuery({ q: null })}>show all</button>}<span class="k">{calls.length ? `last ${plural(calls.length, 'call')}` : ''}</span></span>}
      </Foot>
    </>
  )
}

function Faults({ summary }: { summary: Summary }) {
  if (summary.ok) return null
  return (
    <div class="fail" role="alert">
      <h2>The configuration is wrong</h2>
      <p>{summary.faults.join(' ') || 'An administrator sees why.'} The endpoints below are in force as they were.</p>
    </div>
  )
}
