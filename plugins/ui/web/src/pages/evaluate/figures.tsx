/** What an evaluation measured of the whole table: numbers with their intervals, and what was skipped. */
import { num } from '../../core/api'
import { exact, one, plural } from '../../core/format'
import type { Answer, Figure } from './rows'

const SHOWN = 8

/** Figures that no column of the grid tells already. */
const extra = (answer: Answer): Figure[] => {
  const told = new Set(answer.scores.flatMap((score) => [score.name, `${score.name}/mean`]))
  return answer.figures.filter((figure) => !told.has(figure.name) && figure.name !== 'example_count')
}

export function Figures({ answers }: { answers: readonly Answer[] }) {
  if (answers.length !== 1) return null
  const answer = answers[0]!
  const figures = extra(answer)
  const skipped = Object.entries(answer.skipped)
  if (!figures.length && !skipped.length) return null
  return (
    <div class="ev-figures">
      {figures.slice(0, SHOWN).map((figure) => {
        const ends = figure.interval?.map((end) => num(end))
        return (
          <div key={figure.name} title={[`${figure.name} ${exact(num(figure.value))}`, ends && `95 % interval ${one(ends[0])} to ${one(ends[1])}`, figure.count ? `of ${plural(figure.count, 'row')}` : ''].filter(Boolean).join(', ')}>
            <div class="lab cut">{figure.name}</div>
            <div class="v">{one(num(figure.value))}{ends && <span class="i3"> ±{one((ends[1]! - ends[0]!) / 2)}</span>}</div>
          </div>
        )
      })}
      {figures.length > SHOWN && <div class="i3 more">{figures.length - SHOWN} more in the run</div>}
      {skipped.length > 0 && <div class="more warn" title={skipped.map(([name, why]) => `${name}: ${why}`).join('\n')}>{plural(skipped.length, 'metric')} skipped: <span class="m">{skipped.map(([name]) => name).join(', ')}</span></div>}
    </div>
  )
}
