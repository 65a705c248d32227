/** Endpoints: what is behind them, how they are, and what they took. */
import { count, plural } from '../../core/format'
import { href, may } from '../../core/root'
import { setQuery, withQuery } from '../../core/router'
import { Arrow, Chevron } from '../../parts/icon'
import { Bars } from '../../parts/spark'
import { aligned, type Endpoint, fullest, healthOf, joined, lacking, limit, routeOf, secs, share, triedOf, usd } from './answers'
import { MANY, NEARLY } from './head'

const HEADS: readonly { name: string; first?: string; right?: boolean }[] = [
  { name: 'endpoint', first: 'name' }, { name: 'route' }, { name: 'state' }, { name: 'requests' },
  { name: 'count', first: '-calls', right: true }, { name: 'p50', first: '-p50', right: true }, { name: 'p95', first: '-p95', right: true },
  { name: 'errors', first: '-errors', right: true }, { name: 'fell back', first: '-fell', right: true }, { name: 'spent', first: '-spent', right: true },
]
export function Endpoints({ endpoints, sort, at, title, step, finder }: { endpoints: readonly Endpoint[]; sort: string; at: number; title: string; step: string; finder: string }) {
  const tries = may('invoke')
  const [p50, p95, spent] = [endpoints.map((each) => secs(each.p50)), endpoints.map((each) => secs(each.p95)), endpoints.map((each) => usd(each.usd))].map(aligned) as [string[], string[], string[]]
  return (
    <table class="gw-list">
      <caption class="sr">Endpoints</caption>
      <colgroup><col class="name" /><col class="route" /><col class="state" /><col class="strip" /><col class="n" /><col class="n" /><col class="n" /><col class="n" /><col class="fell" /><col class="spent" /><col class="budget" />{tries && <col class="try" />}</colgroup>
      <thead>
        <tr>
          {HEADS.map(({ name, first, right }) => <Th key={name} title={name === 'requests' ? `requests, ${title}` : name === 'state' && finder ? `state, ${finder}` : name} hint={name === 'state' && finder ? `As ${finder} workers finds it` : undefined} first={first} right={right} sort={sort} />)}
          <th class="g">budget</th>{tries && <th><span class="sr">try</span></th>}
        </tr>
      </thead>
      <tbody>{endpoints.map((each, i) => <Row key={each.name} endpoint={each} on={i === at} tries={tries} step={step} p50={p50[i]!} p95={p95[i]!} spent={spent[i]!} />)}</tbody>
    </table>
  )
}

function Th({ title, hint, first, right, sort }: { title: string; hint: string | undefined; first?: string; right?: boolean; sort: string }) {
  const by = sort.replace(/^-/, '')
  const isBy = first?.replace(/^-/, '') === by
  if (!first) return <th title={hint}>{title}</th>
  const turned = sort.startsWith('-') ? by : `-${by}`
  return (
    <th class={right ? 'r' : ''} aria-sort={isBy ? (sort.startsWith('-') ? 'descending' : 'ascending') : undefined}>
      <button class={isBy ? 'w5' : ''} onClick={() => setQuery({ sort: isBy ? turned : first })}>{title}{isBy && <Chevron to={sort.startsWith('-') ? 'down' : 'up'} />}</button>
    </th>
  )
}

function Row({ endpoint, on, tries, step, p50, p95, spent }: { endpoint: Endpoint; on: boolean; tries: boolean; step: string; p50: string; p95: string; spent: string }) {
  const health = healthOf(endpoint)
  const { calls, failed } = endpoint
  return (
    <tr class={`${on ? 'at' : ''} ${endpoint.is_there ? '' : 'over'}`}>
      <td class="w5"><a href={href('/gateway') + withQuery({ q: endpoint.name })} title={`Calls of ${endpoint.name}`}>{endpoint.name}</a></td>
      <td class="i2" title={routeOf(endpoint.targets).map((peers) => peers.join(' + ')).join(', then ')}><Route endpoint={endpoint} /></td>
      <td title={health.detail}><span class={`gw-state ${health.kind}`}><State kind={health.kind} /><span class="cut">{health.text}</span></span></td>
      <td class="strip"><Bars counts={joined(endpoint.counts, 48)} width={112} height={18} /><span class="sr">{calls} calls, by steps of {step}</span></td>
      <td class="r">{count(calls)}</td>
      <td class="r">{p50}</td>
      <td class="r">{p95}</td>
      <td class={`r ${failed > calls * MANY ? 'bad' : ''}`} title={`${failed} failed, ${endpoint.refused} refused, ${endpoint.gone} given up`}>{share(failed, calls)}</td>
      <td class="r" title={triedOf(endpoint.targets)}>{endpoint.fell_back ? share(endpoint.fell_back, calls) : '–'}</td>
      <td class="r w5" title={`$${endpoint.usd}${endpoint.unpriced ? `, and ${plural(endpoint.unpriced, 'call')} with an unknown price` : ''}`}>{spent}{lacking(endpoint.unpriced)}</td>
      <td class="g"><Budgets endpoint={endpoint} /></td>
      {tries && <td class="r">{endpoint.chats && <a class="link" href={href('/gateway') + withQuery({ try: endpoint.name })} aria-label={`Try ${endpoint.name}`}>try</a>}</td>}
    </tr>
  )
}

function Route({ endpoint }: { endpoint: Endpoint }) {
  const [first, ...rest] = routeOf(endpoint.targets)
  if (!first) return <span class="i3">no longer configured</span>
  return <>{first.join(' + ')}{rest.map((peers) => <span key={peers.join()} class="i3"> <Arrow /> {peers.join(' + ')}</span>)}</>
}

const SHAPES = { ok: 'M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8', warn: 'M6 1l5 5-5 5-5-5z', bad: 'M2 2h8v8H2z', none: 'M6 2.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7' }

function State({ kind }: { kind: keyof typeof SHAPES }) {
  return <svg width="12" height="12" viewBox="0 0 12 12" class="peg" fill={kind === 'none' ? 'none' : 'currentColor'} stroke={kind === 'none' ? 'currentColor' : 'none'} aria-hidden="true"><path d={SHAPES[kind]} /></svg>
}

function Budgets({ endpoint }: { endpoint: Endpoint }) {
  const full = fullest(endpoint.budgets)
  if (!full) return <span class="i3">no budget set</span>
  const part = full.used_usd / (full.usd || 1e-9)
  const told = endpoint.budgets.map((each) => `${usd(each.used_usd)} of ${limit(each.usd)} ${words(each.window, each.by)}`).join('; ')
  return (
    <span title={told}>
      <span class="gw-bar" aria-hidden="true"><i class={part >= NEARLY ? 'near' : ''} style={{ width: `${Math.min(100, part * 100)}%` }} /></span>
      <span class={part >= NEARLY ? 'warn' : 'i2'}>{Math.round(part * 100)} % of {limit(full.usd)}{full.by === 'endpoint' || full.by === 'global' ? '' : ` each ${full.by}`}</span>
    </span>
  )
}

const words = (window: string, by: string): string => `a ${window}${by === 'endpoint' || by === 'global' ? '' : `, each ${by}`}`
