/** Numbers of versions: in a cell, and what changes by a move. */
import { one } from '../../core/format'
import { secs, usd } from '../../parts/gateway/money'
import { Arrow } from '../../parts/icon'
import type { Figure, Uses } from './answers'

export const valueOf = (figure: Figure, value: number | null): string => (value === null ? '–' : figure.unit === 's' ? `${secs(value)} s` : figure.unit === 'usd' ? usd(value) : one(value))

export function Changed({ before, after, figures, see }: { before: Uses | undefined; after: Uses | undefined; figures: readonly Figure[]; see: (() => void) | undefined }) {
  const rows = figures.map((figure) => ({ figure, from: figure.of(before), to: figure.of(after) })).filter(({ from, to }) => from !== null || to !== null)
  return (
    <>
      {rows.length > 0 && (
        <table class="chg" aria-label="What changes">
          <tbody>{rows.map(({ figure, from, to }) => {
            const better = from === null || to === null || from === to ? 0 : to < from === figure.lessIsBetter ? 1 : -1
            return <tr key={figure.key}><th scope="row">{figure.key}</th><td class="r i2">{valueOf(figure, from)}</td><td class="a"><Arrow /></td><td class="r">{valueOf(figure, to)}</td><td class={`r ${better > 0 ? 'ok' : better < 0 ? 'bad' : 'i3'}`}>{better > 0 ? 'better' : better < 0 ? 'worse' : from === to ? 'same' : ''}</td></tr>
          })}</tbody>
        </table>
      )}
      {!rows.length && <p class="i3">No run and no trace has measured {see ? 'both' : 'it'}.</p>}
      {see && <button type="button" class="link" onClick={see}>differences of the texts</button>}
    </>
  )
}
