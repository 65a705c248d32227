/** The runs below this one, as a tree of any depth; each level is read when it is unfolded. */
import { type Num, num } from '../../core/api'
import { titleOf } from '../../core/columns'
import { columnOf, count, exact, isNumeric, one } from '../../core/format'
import { give } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { asList, listParam, param, setQuery } from '../../core/router'
import { duration } from '../../core/times'
import { useEffect, useState } from 'preact/hooks'
import { below, belowAny } from '../../parts/below'
import { Chevron } from '../../parts/icon'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import { lazily } from '../../parts/lazy'
import { headlines, type Overview } from './data'
import { sweepOf } from './trials'

const SweepPicture = lazily('The sweep', () => import('./sweep'))

/** Of so many runs at once the runs below are counted; their ids stand in one address. */
const PAGE = 100
/** How many columns of a sweep there is room for: its metric, and parameters. */
const MOST_COLUMNS = 5
const SHORT = 8
interface Page {
  matched: number
  ids: string[]
  names: string[]
  status: string[]
  cols: Record<string, (Num | string)[]>
}

interface LevelProps {
  run: Overview
  parent: string
  depth: number
  columns: readonly string[]
  /** What else is asked of the runs of this level. */
  q: string
  sort: string
  open: readonly string[]
  turn: number
  offset?: number
}

export default function Children({ run, turn }: { run: Overview; turn: number }) {
  const open = listParam('open')
  const sweep = sweepOf(run)
  const columns = sweep ? [...sweep.columns.slice(-1), ...sweep.columns.slice(0, -1)].slice(0, MOST_COLUMNS) : headlines(run).map((key) => `metrics.${key}`)
  const level = { run, columns, open, turn, parent: run.info.run_id, depth: 0, q: sweep ? param('q') : '', sort: sweep?.sort ?? 'attributes.start_time' }
  if (!run.children) return <div class="dots fillup"><Nothing title="No runs below this one">A run that is started with <span class="m">start_run(nested=True)</span> while this one is active stands here.</Nothing></div>
  return (
    <div class="run-children-tab scroll" tabIndex={0} role="region" aria-label="Runs below">
      {sweep && <SweepPicture run={run} sweep={sweep} turn={turn} />}
      <table role="treegrid" aria-label="Runs below">
        <thead><tr><th>run</th>{columns.map((column) => <th key={column} class="r cut" title={titleOf(column)}>{titleOf(column)}</th>)}<th class="r">took</th><th class="r">age</th></tr></thead>
        <tbody><Level {...level} /></tbody>
      </table>
    </div>
  )
}

/** A number of a metric; a parameter as it was written, unless that is a number with many digits. */
function Cell({ column, value, format }: { column: string; value: Num | string; format: (value: number | null) => string }) {
  if (column.startsWith('params.')) {
    const text = String(value ?? '–')
    return <td role="gridcell" class="r cut" title={text}>{text.length > SHORT && isNumeric(text) ? one(Number(text)) : text}</td>
  }
  const number = num(value as Num)
  return <td role="gridcell" class="r" title={exact(number)}>{format(number)}</td>
}

function Level(props: LevelProps) {
  const { run, parent, depth, columns, open, turn, q, sort, offset = 0 } = props
  const [more, setMore] = useState(false)
  const metrics = columns.length ? columns : ['attributes.start_time']
  const found = useResource<Page>('runs/table', {
    experiment_ids: [run.info.experiment_id], q: below(parent, q), sort, cols: [...metrics, 'attributes.start_time', 'attributes.duration'], offset, limit: PAGE,
  })
  useEffect(() => { if (turn) found.reload() }, [turn])
  const data = found.data
  useEffect(() => { if (data) give(data.ids) }, [data])
  const counted = useResource<{ groups: { value: string; runs: number }[] }>(data?.ids.length ? 'runs/table' : null, {
    experiment_ids: [run.info.experiment_id], group: 'tags.mlflow.parentRunId', cols: ['attributes.start_time'], q: belowAny(data?.ids ?? []), limit: PAGE,
  })
  const counts = new Map(counted.data?.groups.map((each) => [each.value, each.runs]))
  if (found.error && !data) return <tr><td colSpan={columns.length + 3}><Failed what="The runs below could not be read" error={found.error} retry={found.reload} /></td></tr>
  if (!data) return null
  const formats = columns.map((column) => columnOf((data.cols[column] ?? []).map((value) => num(value as Num))))
  const fold = (id: string) => setQuery({ open: asList(open.includes(id) ? open.filter((each) => each !== id) : [...open, id]) }, { replace: true })
  return (
    <>
      {data.ids.flatMap((id, i) => {
        const isOpen = open.includes(id)
        const many = counts.get(id) ?? 0
        return [
          <tr key={id} role="row" aria-level={depth + 1} aria-expanded={many ? isOpen : undefined}>
            <td role="gridcell">
              <div class="nm" style={{ paddingLeft: `${depth * 20}px` }}>
                {many ? <button class="fold" aria-label={`${isOpen ? 'Fold' : 'Unfold'} ${data.names[i]}`} onClick={() => fold(id)}><Chevron to={isOpen ? 'down' : 'right'} /></button> : <span class="fold" />}
                <Peg run={id} status={data.status[i] ?? ''} />
                <a class="cut" title={data.names[i]} href={href(`/runs/${id}`)}>{data.names[i]}</a>
                {many > 0 && <span class="i3">{count(many)}</span>}
              </div>
            </td>
            {columns.map((column, at) => <Cell key={column} column={column} value={data.cols[column]?.[i] ?? null} format={formats[at]!} />)}
            <td role="gridcell" class="r i2">{duration(num(data.cols['attributes.duration']?.[i] as Num))}</td>
            <td role="gridcell" class="r i3"><Age at={num(data.cols['attributes.start_time']?.[i] as Num)} /></td>
          </tr>,
          isOpen && many > 0 && <Level {...props} key={`${id} below`} parent={id} depth={depth + 1} q="" offset={0} />,
        ]
      })}
      {data.matched > offset + PAGE && (more
        ? <Level {...props} offset={offset + PAGE} />
        : <tr><td colSpan={columns.length + 3}><button class="btn flat" onClick={() => setMore(true)}>{count(data.matched - offset - PAGE)} more</button></td></tr>)}
    </>
  )
}
