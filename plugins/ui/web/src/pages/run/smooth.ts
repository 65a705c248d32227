/** Smoother, step by step, and back to the curves as they are. */
import { param, setQuery } from '../../core/router'

const STEPS = ['', '0.6', '0.9', '0.97']

export const smoother = (): void => setQuery({ smooth: STEPS[(STEPS.indexOf(param('smooth')) + 1) % STEPS.length] || null })
