/** Smoother, step by step, and back. Long curves of the overview are a little smooth from the start, over the true line. */
import { param, setQuery } from '../../core/router'

const STEPS = ['0', '0.6', '0.9', '0.97']
export const EASED = '0.6'
/** From how many points on a curve is drawn smooth at first. */
export const LONG = 60

/** How smooth the curves are, as the address says; `at first` without. */
export const smoothness = (atFirst = '0'): string => param('smooth') || atFirst

export function smoother(atFirst = '0'): void {
  const next = STEPS[(STEPS.indexOf(smoothness(atFirst)) + 1) % STEPS.length]!
  setQuery({ smooth: next === atFirst ? null : next })
}
