/** Cells of the grid: texts, numbers, pictures and scores. */
import { Picture } from '../../parts/picture'
import { type Format, exact, one } from '../../core/format'
import { previewUrl } from '../../parts/artifact/source'
import { type Cell, errorOf, isPicture, type Measure, textOf, valueOf } from './rows'

export function Shown({ cell, run, format }: { cell: Cell | undefined; run: string; format?: Format }) {
  if (cell === null || cell === undefined) return <span class="i3">–</span>
  if (isPicture(cell)) return <Picture lazy src={previewUrl({ run, model: '' }, cell.image)} alt={cell.whole} />
  if (typeof cell === 'number' && format) return <span title={exact(cell)}>{format(cell)}</span>
  return <>{textOf(cell)}</>
}

/** The word, and whether it is a bad one. */
export function wordOf(measure: Measure, cell: Cell | undefined, format: Format): { text: string; bad: boolean } {
  const value = valueOf(cell)
  if (value === undefined) return { text: cell === null || cell === undefined ? '–' : textOf(cell), bad: false }
  const bad = measure.truth && value === (measure.up ? 0 : 1)
  return { text: typeof cell === 'number' ? (measure.truth ? (cell ? 'yes' : 'no') : format(cell)) : typeof cell === 'boolean' ? (cell ? 'yes' : 'no') : textOf(cell), bad }
}

/** What a scorer said of a row, and why; `before` is what the first run has there. */
export function Judged({ measure, run, at, format, before, named }: { measure: Measure; run: number; at: number; format: Format; before?: number; named?: boolean }) {
  const score = measure.of[run]
  const name = named && <span class="i3">{measure.name} </span>
  if (!score || at < 0) return named ? null : <span class="i3">–</span>
  const error = errorOf(score, at)
  if (error !== undefined) return <span class="ev-score" title={`${measure.name}: ${error}`}>{name}<span class="bad">error</span></span>
  const cell = score.values[at]
  const { text, bad } = wordOf(measure, cell, format)
  const why = score.why[at]
  const value = valueOf(cell)
  const gain = before === undefined || value === undefined ? 0 : measure.up ? value - before : before - value
  return (
    <span class="ev-score" title={[`${measure.name}: ${typeof cell === 'number' ? exact(cell) : textOf(cell)}`, why].filter(Boolean).join('\n')}>
      {name}
      {gain !== 0 && <span class={gain > 0 ? 'ok' : 'bad'}>{gain > 0 ? 'better ' : 'worse '}</span>}
      <span class={bad ? 'bad w5' : ''}>{text}</span>
    </span>
  )
}

export const formatted = (value: number | undefined): string => (value === undefined ? '–' : one(value))
