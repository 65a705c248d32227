/** What all charts of a page share: the window of the x axis and how it is shown, kept in the address, and the cursor. */
import { signal } from '@preact/signals'
import { useKeys } from '../../core/keys'
import { asList, listParam, param, setQuery } from '../../core/router'

export interface ChartView {
  /** 'step', 'time', 'relative' or 'metrics.KEY'. */
  x: string
  /** What the address asks for, if there is no such axis; steps are drawn instead. */
  unknown: string
  /** The window of the x axis, where there is one. */
  from?: number
  to?: number
  /** 0 … 0.999: the weight of the moving average. */
  smooth: number
  /** Whether y shows all values, also those of the climb. */
  all: boolean
}

const number = (text: string): number | undefined => (text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined)

const AXIS = /^(step|time|relative|metrics\..+)$/s

/** The view that the address has; reading it in a component subscribes to it. */
export function chartView(): ChartView {
  const asked = param('x')
  const x = AXIS.test(asked) ? asked : 'step'
  return {
    x,
    unknown: asked === x ? '' : asked,
    from: number(param('from')),
    to: number(param('to')),
    smooth: Math.min(0.999, Math.max(0, number(param('smooth')) ?? 0)),
    all: param('y') === 'all',
  }
}

const text = (value: number | undefined): string | null => (value === undefined ? null : String(+value.toPrecision(15)))

/** Show a window of the x axis, in all charts; without one all is shown. */
export const zoom = (from?: number, to?: number): void => setQuery({ from: text(from), to: text(to) })
export const showAll = (all: boolean): void => setQuery({ y: all ? 'all' : null })
export const isLog = (key: string): boolean => listParam('log').some((each) => each === key || each === '*')

/** Make the y axis of charts logarithmic, or linear again: of one metric, or '*' of all. */
export function setLog(key: string, on: boolean): void {
  const others = key === '*' ? [] : listParam('log').filter((each) => each !== key && each !== '*')
  setQuery({ log: asList(on ? [...others, key] : others) })
}

export interface Cursor {
  /** What the x axis is, so that charts over something else take no notice. */
  axis: string
  x: number
  /** The chart that is pointed at. */
  by: object
}

/** The place on the x axis that is pointed at, in whatever chart. */
export const cursor = signal<Cursor | undefined>(undefined)

/** Keys for all charts of a page: `f` fits y or shows all, `0` takes the zoom away. */
export function useChartKeys(): void {
  const { all, from, to } = chartView()
  useKeys('Charts', {
    f: { does: all ? 'Let y fit what follows the climb' : 'Let y show all values', run: () => showAll(!all) },
    0: { does: 'Show the whole x axis', run: () => zoom(), needs: from === undefined && to === undefined && 'a part that was zoomed to' },
  })
}
