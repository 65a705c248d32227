/** Two evaluations of the same rows: what won and what lost, what got worse first. */
import { columnOf, count, plural, signed } from '../../core/format'
import { useResource } from '../../core/resource'
import { about, href } from '../../core/root'
import { setQuery, withQuery } from '../../core/router'
import { useRowCursor } from '../../parts/cursor'
import { Arrow } from '../../parts/icon'
import { Peg } from '../../parts/peg'
import { Failed } from '../../parts/states'
import { type Answer, type Compared, comparedHere, type Measure, type Pair, type Paired, worstFirst } from './rows'

interface VersusProps {
  answers: readonly Answer[]
  measures: readonly Measure[]
  pairs: readonly Pair[]
  groups: string[]
  by: string
}

const CLASSES: Record<string, string> = { worse: 'bad', better: 'ok' }

export function Versus({ answers, measures, pairs, groups, by }: VersusProps) {
  const two = answers.slice(0, 2)
  const [before, after] = [two[0]!.run, two[1]!.run]
  // The server knows intervals of rows that pegboard kept, if it can evaluate.
  const measured = about.features.includes('evaluation') && two.every((answer) => answer.source === 'rows')
  const asked = useResource<Compared>(measured ? 'evaluations/compare' : null, { before: before.run_id, after: after.run_id, by: by ? [by] : [] })
  const own = comparedHere(two, measures, pairs, by)
  const told = measured ? asked.data : own
  const sections: [string, Paired[]][] = told ? [['', worstFirst(told.metrics)], ...Object.entries(told.slices).map(([name, metrics]): [string, Paired[]] => [name, worstFirst(metrics)])] : []
  const lines = sections.flatMap(([slice, metrics]) => metrics.map((paired) => ({ slice, paired })))
  const rowsOf = (slice: string, metric: string, show: string) => withQuery({ view: null, show, metric, slice: slice || null, by: null, sort: show === 'won' ? null : 'lost' })
  const at = useRowCursor('Metrics', lines.length, (index) => { const line = lines[index]; if (line) setQuery({ view: null, show: 'lost', metric: line.paired.metric, slice: line.slice || null, by: null, sort: 'lost' }) })
  let n = -1
  return (
    <div class="scroll dots ev-versus" tabIndex={0} role="region" aria-label="Won and lost">
      {asked.error && <Failed what="The evaluations could not be compared" error={asked.error} retry={asked.reload} />}
      <p class="ev-note"><span class="nm"><Peg run={before.run_id} status={before.status} /><span class="m">{before.name}</span><Arrow /><Peg run={after.run_id} status={after.status} /><span class="m">{after.name}</span><button class="btn flat" onClick={() => setQuery({ runs: [after.run_id, before.run_id, ...answers.slice(2).map((each) => each.run.run_id)].join(',') })}>the other way round</button></span></p>
      {told && (
        <table class="auto">
          <thead><tr><th>metric</th><th class="r">before</th><th class="r">after</th><th class="r">difference</th><th class="r">interval, 95 %</th><th>verdict</th><th class="r">won</th><th class="r">lost</th><th class="r">equal</th><th class="bars">of the rows</th></tr></thead>
          {sections.map(([slice, metrics]) => (
            <tbody key={slice}>
              {slice && <tr class="slice"><th colSpan={10} scope="rowgroup">{slice}</th></tr>}
              {metrics.map((paired) => {
                n++
                const format = columnOf([paired.before, paired.after, paired.difference], { zero: true })
                return (
                  <tr key={paired.metric} class={n === at ? 'at' : ''}>
                    <td class="w5">{paired.metric}</td>
                    <td class="r i2">{format(paired.before)}</td>
                    <td class="r">{format(paired.after)}</td>
                    <td class={`r ${CLASSES[paired.verdict] ?? ''}`}>{signed(paired.difference, format)}</td>
                    <td class="r i2">{paired.interval ? `${signed(paired.interval[0])} to ${signed(paired.interval[1])}` : <span class="i3">–</span>}</td>
                    <td class={CLASSES[paired.verdict] ?? 'i2'}>{paired.verdict || '–'}</td>
                    <td class="r">{paired.won ? <a class="link" href={href('/evaluate') + rowsOf(slice, paired.metric, 'won')}>{count(paired.won)}</a> : '0'}</td>
                    <td class="r">{paired.lost ? <a class="link" href={href('/evaluate') + rowsOf(slice, paired.metric, 'lost')}>{count(paired.lost)}</a> : '0'}</td>
                    <td class="r i3">{count(paired.equal)}</td>
                    <td class="bars"><span class="ev-bars" role="img" aria-label={`${paired.lost} lost, ${paired.equal} equal, ${paired.won} won`}><i class="lost" style={{ flexGrow: paired.lost }} /><i style={{ flexGrow: paired.equal }} /><i class="won" style={{ flexGrow: paired.won }} /></span></td>
                  </tr>
                )
              })}
            </tbody>
          ))}
        </table>
      )}
      {told && <p class="ev-note i2">{[told.only_before && `${plural(told.only_before, 'row')} only before`, told.only_after && `${plural(told.only_after, 'row')} only after`].filter(Boolean).join(', ') || 'All rows are in both.'} {measured ? 'As pegboard eval compare tells it.' : 'Counted here: intervals are known of rows that pegboard kept, where pegboard-evaluation is installed.'}</p>}
      {groups.length > 0 && <p class="ev-note">By {groups.map((name) => <button key={name} class={`btn flat ${by === name ? 'on' : ''}`} aria-pressed={by === name} onClick={() => setQuery({ by: by === name ? null : name })}>{name}</button>)}</p>}
    </div>
  )
}

