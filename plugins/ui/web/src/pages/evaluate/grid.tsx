/** The grid: a row for each input; a column for each score of one run, or for each of several runs. */
import type { RefObject } from 'preact'
import { columnOf, count, exact, type Format, one, plural } from '../../core/format'
import { href } from '../../core/root'
import { setQuery } from '../../core/router'
import { rowHeight } from '../../core/theme'
import { Chevron } from '../../parts/icon'
import { Peg } from '../../parts/peg'
import { Rows, useWindow } from '../../parts/window'
import { Judged, Shown } from './cells'
import { type Answer, brokenIn, columnsOf, isGroup, isPicture, type Item, type Measure, type Pair, type Stat, statOf, textOf, valueOf, wholeOf } from './rows'

export const HEAD = 64
const TALL = 72
/** How many scores stand below an answer. */
const CHIPS = 6

export interface GridProps {
  answers: readonly Answer[]
  measures: readonly Measure[]
  items: readonly Item[]
  /** The rows that are shown, in any order; undefined: all. */
  some?: readonly Pair[]
  sort: string
  at: number
  select: (index: number) => void
  scroller: RefObject<HTMLDivElement | null>
  tall: boolean
}

export const heightOf = (tall: boolean): number => (tall ? TALL : rowHeight())

interface Shape {
  several: boolean
  pictures: string[]
  target: boolean
  output: boolean
  template: string
  least: number
}

function shapeOf(answers: readonly Answer[], measures: readonly Measure[]): Shape {
  const columns = columnsOf(answers)
  const several = answers.length > 1
  const pictures = columns.filter(({ column }) => column.values.some(isPicture)).map(({ column }) => column.name)
  const of = (role: string) => columns.filter(({ column }) => column.role === role && !pictures.includes(column.name))
  const input = of('input').length > 0
  const target = of('target').length > 0
  const output = several || of('output').length > 0
  const short = (role: string) => of(role).every(({ column }) => column.values.every((cell) => textOf(cell).length < 14))
  const parts = [
    ...(input || !pictures.length ? ['minmax(180px, 3fr)'] : []),
    ...pictures.map(() => '112px'),
    ...(target ? [short('target') ? '112px' : 'minmax(120px, 2fr)'] : []),
    ...(several ? answers.map(() => 'minmax(200px, 3fr)') : [...(output ? [short('output') ? '112px' : 'minmax(160px, 3fr)'] : []), ...measures.map(() => '128px')]),
  ]
  const least = parts.reduce((sum, part) => sum + Number(/\d+/.exec(part)![0]), 32) + parts.length * 16
  return { several, pictures, target, output, template: parts.join(' '), least }
}

export function Grid(props: GridProps) {
  const { answers, measures, items, at, scroller, tall } = props
  const height = heightOf(tall)
  const seen = useWindow(scroller, items.length, height, HEAD)
  const shape = shapeOf(answers, measures)
  const columns = columnsOf(answers)
  const formats = measures.map((measure) => columnOf(measure.of.flatMap((score) => (score?.values ?? []).slice(0, 2000).map((cell) => (typeof cell === 'number' ? cell : null))), { zero: true }))
  return (
    <div role="grid" aria-label="Rows" class={`ev-grid ${tall ? 'tall' : ''}`} aria-rowcount={items.length + 1} tabIndex={0} aria-activedescendant={at >= 0 ? `ev-${at}` : undefined} style={{ minWidth: `${shape.least}px` }}>
      <Head {...props} shape={shape} formats={formats} />
      <Rows window={seen} count={items.length} height={height} row={(index, top) => {
        const item = items[index]
        if (!item) return null
        const common = { key: isGroup(item) ? `group ${item.group}` : item.pair.id, index, top, height, shape }
        return isGroup(item)
          ? <Group {...common} item={item} answers={answers} measures={measures} />
          : <Line {...common} pair={item.pair} answers={answers} measures={measures} columns={columns} formats={formats} on={index === at} select={() => props.select(index)} />
      }} />
    </div>
  )
}

function Head({ answers, measures, sort, some, shape, formats }: GridProps & { shape: Shape; formats: Format[] }) {
  const button = (key: string, title: string, first: string) => (
    <button class={sort.replace(/^-/, '') === key ? 'w5' : ''} onClick={() => setQuery({ sort: sort === first ? (first.startsWith('-') ? key : `-${key}`) : first })}>
      <span class="cut">{title}</span>{sort.replace(/^-/, '') === key && <Chevron to={sort.startsWith('-') ? 'down' : 'up'} />}
    </button>
  )
  const stat = (run: number, measure: Measure): Stat | undefined => {
    const score = measure.of[run]
    if (!score) return undefined
    return some ? statOf(score, some.map((pair) => pair.at[run]!)) : wholeOf(answers[run]!, score)
  }
  const sorted = (key: string) => (sort.replace(/^-/, '') === key ? (sort.startsWith('-') ? 'descending' : 'ascending') : undefined)
  const inputs = columnsOf(answers).filter(({ column }) => column.role === 'input' && !shape.pictures.includes(column.name)).map(({ column }) => column.name)
  const targets = columnsOf(answers).filter(({ column }) => column.role === 'target').map(({ column }) => column.name)
  const outputs = answers[0]!.columns.filter((column) => column.role === 'output').map((column) => column.name)
  return (
    <div role="rowgroup" class="ev-heads">
      <div role="row" class="ev-row head" aria-rowindex={1} style={{ gridTemplateColumns: shape.template, height: `${HEAD}px` }}>
        {(inputs.length > 0 || !shape.pictures.length) && <span role="columnheader" aria-sort={sorted(inputs[0] ?? '')}>{inputs.length === 1 ? button(inputs[0]!, inputs[0]!, inputs[0]!) : <span title={inputs.join(', ')}>input, {plural(inputs.length, 'column')}</span>}</span>}
        {shape.pictures.map((name) => <span key={name} role="columnheader" class="cut">{name}</span>)}
        {shape.target && <span role="columnheader" aria-sort={sorted(targets[0]!)}>{button(targets[0]!, targets.length > 1 ? `expected, ${targets.length} columns` : targets[0]!, targets[0]!)}</span>}
        {shape.several
          ? answers.map((answer, run) => (
            <span key={answer.run.run_id} role="columnheader" class="ev-run">
              <span class="nm"><Peg run={answer.run.run_id} status={answer.run.status} /><a class="cut" href={href(`/runs/${answer.run.run_id}`)}>{answer.run.name}</a></span>
              <span class="ev-means">{measures.slice(0, CHIPS).map((measure, i) => { const found = stat(run, measure); return found?.mean === undefined ? null : <span key={measure.name} title={told(found)}><span class="i3">{measure.name}</span> {formatOf(formats[i]!, found.mean)}{found.failed > 0 && <span class="bad"> {plural(found.failed, 'error')}</span>}</span> })}</span>
            </span>
          ))
          : (
            <>
              {shape.output && <span role="columnheader" aria-sort={sorted(outputs[0] ?? '')}>{button(outputs[0]!, outputs[0]!, outputs[0]!)}</span>}
              {measures.map((measure, i) => {
                const found = stat(0, measure)
                return (
                  <span key={measure.name} role="columnheader" class="r ev-stat" aria-sort={sorted(measure.name)} title={`${measure.name}\n${found ? told(found) : ''}`}>
                    {button(measure.name, measure.name, measure.up ? measure.name : `-${measure.name}`)}
                    <span class="ink">{found?.mean === undefined ? '–' : formatOf(formats[i]!, found.mean)}{found?.interval && <span class="i3"> ±{one((found.interval[1] - found.interval[0]) / 2)}</span>}</span>
                    <span class="i3">{found ? count(found.n) : 0}{found && found.failed > 0 && <span class="bad">, {count(found.failed)} failed</span>}</span>
                  </span>
                )
              })}
            </>
          )}
      </div>
    </div>
  )
}

/** A mean has more digits than values that are whole. */
const formatOf = (format: Format, value: number): string => (Number.isInteger(value) ? format(value) : one(value))

const told = (found: Stat): string =>
  [`mean ${exact(found.mean)}`, found.interval && `95 % interval ${one(found.interval[0])} to ${one(found.interval[1])}`, `of ${plural(found.n, 'row')}`, found.failed && `${found.failed} failed`].filter(Boolean).join(', ')

interface Placed {
  index: number
  top: number
  height: number
  shape: Shape
}

function Group({ item, answers, measures, index, top, height }: Placed & { item: { group: string; pairs: Pair[] }; answers: readonly Answer[]; measures: readonly Measure[] }) {
  const means = answers.map((_, run) => measures.slice(0, CHIPS).flatMap((measure) => {
    const found = statOf(measure.of[run], item.pairs.map((pair) => pair.at[run]!))
    return found.mean === undefined ? [] : [<span key={measure.name}><span class="i3">{measure.name}</span> {one(found.mean)}{found.failed > 0 && <span class="bad"> {plural(found.failed, 'error')}</span>}</span>]
  }))
  return (
    <div role="row" id={`ev-${index}`} aria-rowindex={index + 2} class="ev-row group" style={{ top: `${top}px`, height: `${height}px` }}>
      <span role="gridcell"><b>{item.group || 'nothing'}</b> <span class="i3">{plural(item.pairs.length, 'row')}</span></span>
      {means.map((each, run) => <span key={run} role="gridcell" class="ev-means">{answers.length > 1 && <Peg run={answers[run]!.run.run_id} status={answers[run]!.run.status} size={9} />}{each}</span>)}
    </div>
  )
}

interface LineProps extends Placed {
  pair: Pair
  answers: readonly Answer[]
  measures: readonly Measure[]
  columns: ReturnType<typeof columnsOf>
  formats: Format[]
  on: boolean
  select: () => void
}

function Line({ pair, answers, measures, columns, formats, on, select, index, top, height, shape }: LineProps) {
  const of = (role: string) => columns.filter(({ column, run }) => column.role === role && !shape.pictures.includes(column.name) && pair.at[run]! >= 0)
  const run = (i: number) => answers[i]!.run.run_id
  const inputs = of('input')
  const broken = (i: number) => pair.at[i]! >= 0 && brokenIn(answers[i]!).has(pair.at[i]!)
  const outputOf = (i: number) => {
    const found = answers[i]!.columns.find((column) => column.role === 'output')
    if (pair.at[i]! < 0) return <span class="i3">not in this run</span>
    return <>{broken(i) && <span class="bad w5">failed </span>}{found && <Shown cell={found.values[pair.at[i]!]} run={run(i)} />}</>
  }
  return (
    <div role="row" id={`ev-${index}`} aria-rowindex={index + 2} aria-selected={on} class={`ev-row ${on ? 'on' : ''}`} style={{ top: `${top}px`, height: `${height}px`, gridTemplateColumns: shape.template }} onClick={(event) => { if (!(event.target as Element).closest('a, button')) select() }}>
      {(inputs.length > 0 || !shape.pictures.length) && (
        <span role="gridcell" class="ev-text">
          {inputs.length === 1 ? <Shown cell={inputs[0]!.column.values[pair.at[inputs[0]!.run]!]} run={run(inputs[0]!.run)} /> : inputs.map(({ column, run: from }, n) => <span key={column.name}>{n > 0 && <span class="i3">, </span>}<span class="i3">{column.name} </span>{textOf(column.values[pair.at[from]!]) || '–'}</span>)}
        </span>
      )}
      {shape.pictures.map((name) => { const found = columns.find(({ column }) => column.name === name)!; return <span key={name} role="gridcell" class="ev-pic">{pair.at[found.run]! >= 0 && <Shown cell={found.column.values[pair.at[found.run]!]} run={run(found.run)} />}</span> })}
      {shape.target && <span role="gridcell" class="ev-text i2">{of('target').map(({ column, run: from }, n, all) => <span key={column.name}>{all.length > 1 && <span class="i3">{n > 0 && ', '}{column.name} </span>}<Shown cell={column.values[pair.at[from]!]} run={run(from)} format={one} /></span>)}</span>}
      {shape.several
        ? answers.map((answer, i) => (
          <span key={answer.run.run_id} role="gridcell" class="ev-answer">
            <span class="ev-text">{outputOf(i)}</span>
            <span class="ev-chips">{measures.slice(0, CHIPS).map((measure, n) => <Judged key={measure.name} measure={measure} run={i} at={pair.at[i]!} format={formats[n]!} named before={i > 0 && pair.at[0]! >= 0 ? valueOf(measure.of[0]?.values[pair.at[0]!]) : undefined} />)}</span>
          </span>
        ))
        : (
          <>
            {shape.output && <span role="gridcell" class="ev-text">{outputOf(0)}</span>}
            {measures.map((measure, n) => <span key={measure.name} role="gridcell" class="r ev-judged"><Judged measure={measure} run={0} at={pair.at[0]!} format={formats[n]!} /><span class="why i3 s">{measure.of[0]?.errors[pair.at[0]!] ?? measure.of[0]?.why[pair.at[0]!]}</span></span>)}
          </>
        )}
    </div>
  )
}
