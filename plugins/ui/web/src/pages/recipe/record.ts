/** What a run says of the recipe that made it: its file recipe.json, which anybody may have written. */
import { type Fields, fields, list, number, parsed, text } from '../../parts/steps/fields'
import type { State } from '../../parts/steps/graph'

export interface StepRecord {
  name: string
  needs: string[]
  state: State
  reason: string
  seconds: number | null
  when: number | null
  card: string
  log: string
}

export interface Criterion {
  metric: string
  value: number | null
  threshold: number | null
  greater: boolean
  met: boolean
}

export interface RecipeRecord {
  recipe: string
  kind: string
  profile: string
  status: string
  error: string
  criteria: Criterion[]
  model?: { name: string; version: string }
  steps: StepRecord[]
}

const STATES: readonly string[] = ['done', 'kept', 'running', 'failed', 'waiting']
const MOST_STEPS = 500

/** The record in a text; undefined if it is none. */
export function recordOf(json: string): RecipeRecord | undefined {
  const found = parsed(json)
  if (!found) return undefined
  const steps = list(found.steps).slice(0, MOST_STEPS).map((each) => stepOf(fields(each))).filter((step, i, all) => step.name && all.findIndex((other) => other.name === step.name) === i)
  if (!steps.length) return undefined
  const model = fields(found.model)
  return {
    recipe: text(found.recipe), kind: text(found.kind), profile: text(found.profile), status: text(found.status), error: text(found.error),
    criteria: list(found.criteria).map(fields).map((each) => ({ metric: text(each.metric), value: number(each.value), threshold: number(each.threshold), greater: each.greater_is_better === true, met: each.validated === true })),
    model: text(model.name) && text(model.version) ? { name: text(model.name), version: text(model.version) } : undefined,
    steps,
  }
}

const stepOf = (found: Fields): StepRecord => ({
  name: text(found.step), needs: list(found.needs).map(text), state: (STATES.includes(text(found.state)) ? found.state : 'waiting') as State,
  reason: text(found.reason), seconds: number(found.seconds), when: number(found.when), card: text(found.card), log: text(found.log),
})

/** The step that is shown first: the one that failed, else the last that has a result. */
export const firstShown = (steps: readonly StepRecord[]): StepRecord =>
  steps.find((step) => step.state === 'failed') ?? steps.findLast((step) => step.card) ?? steps[0]!
