/** Two pictures: money against the budget, and how long calls take. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { count } from '../../core/format'
import { clock } from '../../core/times'
import { now } from '../../parts/time'
import { fraction, ticks, timeTicks, xLabel, yLabels } from '../../parts/chart/scale'
import { limit, secs, spentOf, type Spend, type Summary, usd, windowWords } from './answers'

const HEIGHT = 152
const TOP = 10
const BOTTOM = 22
const LEFT = 40
const RIGHT = 104
const DAY_MS = 86_400_000

interface Frame {
  width: number
  x: (value: number) => number
  y: (value: number) => number
}

interface PlotProps {
  from: number
  to: number
  most: number
  /** Whether days are those of Greenwich, as budgets count. */
  utc?: boolean
  children: (frame: Frame) => ComponentChildren
}

function Plot({ from, to, most, utc, children }: PlotProps) {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)))
    if (box.current) watch.observe(box.current)
    return () => watch.disconnect()
  }, [])
  const frame = {
    width,
    x: (value: number) => LEFT + fraction({ lo: from, hi: to }, value) * Math.max(0, width - LEFT - RIGHT),
    y: (value: number) => HEIGHT - BOTTOM - (value / (most || 1)) * (HEIGHT - BOTTOM - TOP),
  }
  const up = ticks({ lo: 0, hi: most || 1 }, 4)
  const labels = yLabels(up)
  const across = timeTicks(from, to, Math.max(2, Math.floor(width / 110)), !utc)
  const apart = across.length > 1 ? across[1]! - across[0]! : to - from
  return (
    <div ref={box} class="gw-plot">
      {width > 0 && (
        <svg width={width} height={HEIGHT} aria-hidden="true">
          {up.map((value, i) => <g key={value}><line class="gw-grid" x1={LEFT} x2={width - RIGHT} y1={frame.y(value)} y2={frame.y(value)} /><text x={LEFT - 8} y={frame.y(value) + 4} text-anchor="end">{labels[i]}</text></g>)}
          {across.map((value) => <text key={value} x={frame.x(value)} y={HEIGHT - 6} text-anchor="middle">{utc ? utcLabel(value, apart) : xLabel(value, 'time', apart)}</text>)}
          {children(frame)}
        </svg>
      )}
    </div>
  )
}

/** A time of Greenwich, as short as its neighbours allow. */
function utcLabel(value: number, apart: number): string {
  const text = new Date(value).toISOString()
  return apart >= DAY_MS ? text.slice(5, 10) : text.slice(11, 16)
}

export function SpendPicture({ spend }: { spend: Spend }) {
  const at = Math.min(Math.max(now.value, spend.begins_ms), spend.ends_ms)
  const { so_far: soFar, by_end: byEnd } = spentOf(spend, at)
  const budget = spend.budget?.usd
  const most = Math.max(soFar, budget ?? 0, byEnd ?? 0) * 1.06
  let sum = 0
  const points: [number, number][] = [[spend.begins_ms, 0]]
  spend.usd.forEach((value, i) => points.push([Math.min(spend.begins_ms + (i + 1) * spend.step_ms, at), (sum += value)]))
  const over = budget !== undefined && byEnd !== undefined && byEnd > budget
  const label = `Spent ${windowWords(spend)}: ${usd(soFar)}${budget === undefined ? '' : ` of ${limit(budget)}`}${byEnd === undefined ? '' : `, at this rate ${usd(byEnd)} at the end`}`
  return (
    <figure aria-label={label}>
      <div class="top">spend, $<span class="v">cumulative, {windowWords(spend).replace('in ', '')}</span></div>
      <Plot from={spend.begins_ms} to={spend.ends_ms} most={most} utc>
        {({ width, x, y }) => (
          <>
            {budget !== undefined && <><line class="gw-budget" x1={LEFT} x2={width - RIGHT} y1={y(budget)} y2={y(budget)} /><text x={width - RIGHT + 8} y={y(budget) + 4}>budget {limit(budget)}</text></>}
            {byEnd !== undefined && <><line class={`gw-ahead ${over ? 'warn' : ''}`} x1={x(at)} y1={y(soFar)} x2={width - RIGHT} y2={y(byEnd)} /><text class={over ? 'warn' : ''} x={width - RIGHT + 8} y={apartFrom(y(byEnd), budget === undefined ? undefined : y(budget)) + 4}>{usd(byEnd)}</text></>}
            <path class="gw-line ck" d={pathOf(points, x, y)} />
            <circle class="gw-end ck" cx={x(at)} cy={y(soFar)} r="2.5" />
            <text class="gw-said" x={x(at) - 6} y={Math.max(12, y(soFar) - 8)} text-anchor={x(at) > LEFT + 60 ? 'end' : 'start'}>{usd(soFar)}</text>
          </>
        )}
      </Plot>
      <figcaption>{spend.budget?.name || (spend.budget ? 'the budget of the whole gateway' : 'no budget for the whole gateway')}</figcaption>
    </figure>
  )
}

/** Two labels that would lie on each other are moved apart. */
const apartFrom = (y: number, other: number | undefined): number => (other === undefined || Math.abs(y - other) >= 14 ? y : y <= other ? other - 14 : other + 14)

export function TimesPicture({ summary, title }: { summary: Summary; title: string }) {
  const { p50, p95, calls } = summary.series
  const { totals, since_ms: since, until_ms: until, step_ms: step } = summary
  const most = Math.max(...p95.map((value) => value ?? 0), 0) * 1.1
  const lines = [{ key: 'p95', values: p95, total: totals.p95, hue: 'ca' }, { key: 'p50', values: p50, total: totals.p50, hue: 'ck' }]
  const filled = calls.filter(Boolean).length
  return (
    <figure aria-label={`How long calls took, in seconds: half of them ${secs(totals.p50)}, 95 % of them ${secs(totals.p95)}`}>
      <div class="top">latency, s<span class="v">p50, p95, {title}</span></div>
      <Plot from={since} to={until} most={most}>
        {({ width, x, y }) => {
          const ends = lines.map((line) => { const i = line.values.findLastIndex((value) => value !== null); return i < 0 ? undefined : y(line.values[i]!) })
          return lines.map(({ key, values, total, hue }, n) => {
            const last = values.findLastIndex((value) => value !== null)
            if (last < 0) return null
            const middle = (i: number) => since + (i + 0.5) * step
            const end = n === 0 ? ends[0]! : apartFrom(ends[1]!, ends[0])
            return (
              <g key={key} class={hue}>
                <path class={`gw-line ${hue}`} d={values.map((value, i) => (value === null ? '' : `${i && values[i - 1] !== null ? 'L' : 'M'}${x(middle(i)).toFixed(1)} ${y(value).toFixed(1)}${values[i - 1] === null && values[i + 1] === null ? 'h.1' : ''}`)).join('')} />
                <circle class={`gw-end ${hue}`} cx={x(middle(last))} cy={y(values[last]!)} r="2.5" />
                <text class="gw-said" x={width - RIGHT + 8} y={end + 4}>{key} {secs(total)}</text>
              </g>
            )
          })
        }}
      </Plot>
      <figcaption>{count(totals.calls)} requests{filled ? `, ${filled} of ${calls.length} steps of ${step / 60_000 >= 60 ? `${step / 3_600_000} h` : `${step / 60_000} min`}` : ''}, up to {clock(Math.min(until, now.value)).slice(0, 5)}</figcaption>
    </figure>
  )
}

const pathOf = (points: readonly (readonly [number, number])[], x: Frame['x'], y: Frame['y']): string => points.map(([at, value], i) => `${i ? 'L' : 'M'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join('')
