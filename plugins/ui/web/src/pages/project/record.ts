/** What a run says of its workflow or project, in files that anybody may have written. */
import { type Fields, fields, list, number, parsed, text } from '../../parts/steps/fields'
import type { State } from '../../parts/steps/graph'

export const WORKFLOW = 'workflow/workflow.json'
export const PROJECT = 'project/project.json'
export const LOG = 'project/log.txt'

export interface TaskRecord {
  /** The step's name, with the item if there is one. */
  label: string
  state: State
  run: string
  reason: string
  attempts: number
  began: number | null
  ended: number | null
}

export interface StepRecord {
  name: string
  needs: string[]
  state: State
  reason: string
  tasks: TaskRecord[]
}

export interface WorkflowRecord {
  name: string
  uri: string
  parameters: [string, string][]
  steps: StepRecord[]
}

export interface ProjectRecord {
  name: string
  command: string
  facts: [string, string][]
}

const STATES: Record<string, State> = {
  waiting: 'waiting', running: 'running', finished: 'done', unchanged: 'kept', failed: 'failed', killed: 'killed', blocked: 'blocked',
}
const MOST_STEPS = 500

/** The record of a workflow in a text; undefined if it is none. What ran in one that is over, was broken off. */
export function workflowOf(json: string, live: boolean): WorkflowRecord | undefined {
  const found = parsed(json)
  if (!found) return undefined
  const stateOf = (value: unknown): State => {
    const state = STATES[text(value)] ?? 'waiting'
    return state === 'running' && !live ? 'killed' : state
  }
  const taskOf = (task: Fields): TaskRecord => ({
    label: text(task.task), state: stateOf(task.state), run: text(task.run_id), reason: text(task.reason),
    attempts: number(task.attempts) ?? 0, began: number(task.began), ended: number(task.ended),
  })
  const steps = list(found.steps).slice(0, MOST_STEPS).map(fields)
    .map((step) => ({ name: text(step.step), needs: list(step.needs).map(text), state: stateOf(step.state), reason: text(step.reason), tasks: list(step.tasks).map((task) => taskOf(fields(task))) }))
    .filter((step, i, all) => step.name && all.findIndex((other) => other.name === step.name) === i)
  if (!steps.length) return undefined
  return { name: text(found.workflow), uri: text(found.uri), parameters: Object.entries(fields(found.parameters)).map(([name, value]) => [name, shown(value)]), steps }
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** The record of a project's run in a text; undefined if it is none. */
export function projectOf(json: string): ProjectRecord | undefined {
  const found = parsed(json)
  if (!found || !text(found.command)) return undefined
  const ended = fields(found.ended)
  const source = fields(found.source)
  const facts: [string, unknown][] = [
    ['project', found.uri], ['entry point', found.entry_point], ['commit', source.commit], ['runs on', found.backend],
    ['environment', [found.env_manager, found.environment].filter(Boolean).join(' ')],
    ['exit code', ended.exit_code], ['reason', ended.reason],
    ...Object.entries(ended).filter(([name]) => !['at', 'exit_code', 'reason', 'log'].includes(name)).map(([name, value]): [string, unknown] => [name.replace(/_/g, ' '), value]),
    ['log', ended.log === 'complete' ? '' : ended.log],
  ]
  return { name: text(found.project), command: text(found.command), facts: facts.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => [name, shown(value)]) }
}

/** The step that is shown first: the one that failed, else one that runs, else the last that is done. */
export const firstShown = (steps: readonly StepRecord[]): StepRecord =>
  steps.find((step) => step.state === 'failed' || step.state === 'killed') ?? steps.find((step) => step.state === 'running')
  ?? steps.findLast((step) => step.state === 'done' || step.state === 'kept') ?? steps[0]!

/** The task that is shown first, in the same way. */
export const firstTask = (tasks: readonly TaskRecord[]): TaskRecord | undefined =>
  tasks.find((task) => task.state === 'failed' || task.state === 'killed') ?? tasks.find((task) => task.state === 'running') ?? tasks.find((task) => task.run) ?? tasks[0]

/** How long a task took, or has taken so far. */
export const tookOf = (task: TaskRecord, now: number): number | null =>
  task.began === null ? null : task.ended !== null ? task.ended - task.began : task.state === 'running' ? now - task.began : null

/** How long the tasks of a step took together, from the first's beginning to the last's end. */
export function spanOf(step: StepRecord, now: number): number | null {
  const ran = step.tasks.filter((task) => tookOf(task, now) !== null)
  if (!ran.length) return null
  return Math.max(...ran.map((task) => task.ended ?? now)) - Math.min(...ran.map((task) => task.began!))
}

/** How many tasks are in which state: '3 done, 1 failed'. */
export function counted(tasks: readonly TaskRecord[]): string {
  const found = new Map<State, number>()
  for (const { state } of tasks) found.set(state, (found.get(state) ?? 0) + 1)
  return [...found].map(([state, many]) => `${many} ${state}`).join(', ')
}

/** The paths that a step's run gave, out of its tag. */
export const outputsOf = (tag: string | undefined): string[] => Object.keys(parsed(tag ?? '') ?? {})
