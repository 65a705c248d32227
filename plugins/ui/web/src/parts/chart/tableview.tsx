/** A chart as a table: what each run has at places of the x axis, for who cannot see lines, and for copies. */
import { columnOf, count, exact } from '../../core/format'
import { Dialog } from '../dialog'
import { Peg } from '../peg'
import { type ChartRun, lastOf } from './lines'
import type { Line } from './paint'
import { niceStep, xWords } from './scale'
import { type Range, type SeriesJson, valueNear } from './series'

const PLACES = 6

export function TableView({ title, axis, range, lines, series, runs, close }: { title: string; axis: string; range: Range; lines: readonly Line[]; series: readonly SeriesJson[]; runs: readonly ChartRun[]; close: () => void }) {
  const step = niceStep(range.lo, range.hi, PLACES)
  const places: number[] = []
  for (let x = Math.ceil(range.lo / step) * step; x <= range.hi && places.length <= PLACES * 2; x += step) places.push(x)
  const known = new Map(runs.map((run) => [run.id, run.status]))
  const values = lines.map((line) => places.map((x) => valueNear(line.main, x, step / 2)))
  const format = columnOf(values.flat())
  return (
    <Dialog label={`${title}: table`} close={close} className="wide">
      <div class="top"><h2 class="m cut">{title}</h2><span class="x" /><button class="btn" onClick={close}>Close<kbd>esc</kbd></button></div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Values">
        <table>
          <thead><tr><th scope="col">run</th><th scope="col" class="r">points</th><th scope="col" class="r">least</th><th scope="col" class="r">greatest</th><th scope="col" class="r">last</th>{places.map((x) => <th key={x} scope="col" class="r">{xWords(x, axis)}</th>)}</tr></thead>
          <tbody>
            {lines.map((line, i) => {
              const found = series.find((each) => each.run_id === line.run && (line.name === each.key || line.name.endsWith(` ${each.key}`))) ?? series.find((each) => each.run_id === line.run)
              return (
                <tr key={`${line.run} ${line.name}`}>
                  <td><span class="nm">{known.has(line.run) && <Peg run={line.run} status={known.get(line.run)!} />}{line.name}</span></td>
                  <td class="r">{found ? count(found.points) : ''}</td>
                  <td class="r" title={exact(found?.min)}>{format(found?.min)}</td>
                  <td class="r" title={exact(found?.max)}>{format(found?.max)}</td>
                  <td class="r" title={exact(found && lastOf(found))}>{format(found && lastOf(found))}</td>
                  {values[i]!.map((value, at) => <td key={places[at]} class="r i2" title={exact(value)}>{value === undefined ? '' : format(value)}</td>)}
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </Dialog>
  )
}
