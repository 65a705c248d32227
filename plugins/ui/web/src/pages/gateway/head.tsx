/** The five numbers of a span, and the money against its budget. */
import { count, plural } from '../../core/format'
import { now } from '../../parts/time'
import { Spark } from '../../parts/spark'
import { joined, limit, secs, share, type SpanName, spentOf, type Spend, type Summary, usd, windowWords } from './answers'

const BEFORE: Record<SpanName, string> = { '1h': 'the hour before', '24h': 'the day before', '7d': 'the week before' }
const DAY_MS = 86_400_000
/** From which part of a budget on it is marked. */
export const NEARLY = 0.8
/** From which share of errors on it is marked. */
export const MANY = 0.01

export function Head({ summary, span }: { summary: Summary; span: SpanName }) {
  const { totals, series } = summary
  const curve = (values: readonly number[]) => (values.some(Boolean) ? <Spark values={joined(values, 48)} width={84} height={24} /> : null)
  return (
    <section class="gw-head" aria-label="What it comes to">
      <Spent spend={summary.spend} />
      <div>
        <div class="lab">requests</div>
        <div class="v">{count(totals.calls)} {curve(series.calls)}</div>
        <div class="d">{totals.before ? `${change(totals.calls, totals.before)} ${BEFORE[span]}` : `none in ${BEFORE[span]}`}</div>
      </div>
      <div>
        <div class="lab">p50, p95</div>
        <div class="v">{secs(totals.p50)} <small>/</small> {secs(totals.p95)} <small>s</small></div>
        <div class="d">{totals.first_token_p50 === null ? 'nothing was streamed' : `first token ${secs(totals.first_token_p50)} s`}</div>
      </div>
      <div>
        <div class="lab">errors</div>
        <div class="v"><span class={totals.failed > totals.calls * MANY ? 'bad' : ''}>{share(totals.failed, totals.calls)}</span> {curve(series.failed)}</div>
        <div class="d">{count(totals.failed)} failed, {count(totals.refused)} refused</div>
      </div>
      <div>
        <div class="lab">fell back</div>
        <div class="v">{share(totals.fell_back, totals.calls)} {curve(series.fell_back)}</div>
        <div class="d">{totals.fell_back ? `${count(totals.fell_back)}${totals.instead && `, to ${totals.instead}`}` : totals.cached ? `${count(totals.cached)} from the cache` : 'none'}</div>
      </div>
    </section>
  )
}

const change = (calls: number, before: number): string => {
  const percent = Math.round(100 * (calls / before - 1))
  return percent ? `${percent > 0 ? '+' : ''}${count(percent)} % on` : 'as many as in'
}

function Spent({ spend }: { spend: Spend }) {
  const at = Math.min(now.value, spend.ends_ms)
  const { so_far: soFar, by_end: byEnd } = spentOf(spend, at)
  const budget = spend.budget
  const part = budget ? Math.min(1, soFar / (budget.usd || 1e-9)) : 0
  const over = budget && byEnd !== undefined && byEnd > budget.usd
  const days = Math.round((spend.ends_ms - spend.begins_ms) / DAY_MS)
  const rate = byEnd !== undefined && <>at this rate <span class={over ? 'warn' : ''}>{usd(byEnd)}</span></>
  return (
    <div>
      <div class="lab">spent {windowWords(spend)}</div>
      <div class="v">{usd(soFar)} {budget && <small>of {limit(budget.usd)}{budget.action === 'alert' && ', then it is told'}</small>}</div>
      {budget && (
        <div class="gw-bar" role="meter" aria-label={`Spent ${windowWords(spend)}`} aria-valuemin={0} aria-valuemax={budget.usd} aria-valuenow={Math.min(soFar, budget.usd)} aria-valuetext={`${usd(soFar)} of ${limit(budget.usd)}`}>
          <i class={part >= NEARLY ? 'near' : ''} style={{ width: `${part * 100}%` }} />
          {byEnd !== undefined && <u style={{ left: `${Math.min(99.5, (100 * byEnd) / (budget.usd || 1e-9))}%` }} />}
        </div>
      )}
      <div class="d">{days > 1 && `day ${Math.floor((at - spend.begins_ms) / DAY_MS) + 1} of ${days}`}{days > 1 && rate && ', '}{rate || (days > 1 ? '' : plural(spend.usd.length, 'step'))}{spend.unpriced > 0 && `, without ${plural(spend.unpriced, 'call')} of unknown price`}</div>
    </div>
  )
}
