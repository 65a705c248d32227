/** The steps of a workflow: their graph, and of one its tasks, what they print and what they gave. */
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { count, exact, one, plural } from '../../core/format'
import { num } from '../../core/num'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { asSearch, navigate, param, setQuery, withQuery } from '../../core/router'
import { duration } from '../../core/times'
import { below } from '../../parts/below'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { Graph, Sign, type State } from '../../parts/steps/graph'
import { now } from '../../parts/time'
import { Log } from './log'
import { counted, firstShown, firstTask, outputsOf, spanOf, type StepRecord, type TaskRecord, tookOf, type WorkflowRecord } from './record'
import { type RunAnswer, tagOf } from './run'

/** Of a step with more tasks, those are shown that did not simply finish, and the first. */
const MOST_TASKS = 500
const OUTPUTS = 'pegboard.workflow.outputs'

export function Steps({ id, experiment, record, live, outcome }: { id: string; experiment: string; record: WorkflowRecord; live: boolean; outcome: ComponentChildren }) {
  const { steps } = record
  const time = live ? Date.now() : now.value
  const step = steps.find((each) => each.name === param('step')) ?? firstShown(steps)
  const tasks = sighted(step.tasks)
  const task = tasks.find((each) => each.label === param('task')) ?? firstTask(step.tasks)
  const go = (by: number) => () => setQuery({ step: steps[bounded(steps.indexOf(step) + by, steps.length)]!.name, task: null }, { replace: true })
  const walk = (by: number) => () => setQuery({ step: step.name, task: tasks[bounded(tasks.indexOf(task!) + by, tasks.length)]!.label }, { replace: true })
  const isLog = param('show') !== 'outputs'
  const show = (log: boolean) => setQuery({ show: log ? null : 'outputs' }, { replace: true })
  const many = tasks.length > 1
  useKeys('Steps', {
    ArrowLeft: { does: 'Step before', run: go(-1), quiet: true }, ArrowRight: { does: 'Next step', run: go(1), quiet: true },
    '[': { does: 'Step before', run: go(-1) }, ']': { does: 'Next step', run: go(1) },
    j: many ? { does: 'Next task', run: walk(1), quiet: true } : undefined, k: many ? { does: 'Task before', run: walk(-1), quiet: true } : undefined,
    l: { does: isLog ? 'What it gave' : 'The log', run: () => show(!isLog) },
    Enter: { does: 'Open the run of the task', run: () => navigate(`/runs/${task!.run}`), needs: !task?.run && 'a task that has a run' },
  })
  useEffect(() => give([id, ...(task?.run ? [task.run] : [])]), [id, task?.run])
  useEffect(() => { document.querySelector('.prj-tasks [aria-current]')?.scrollIntoView({ block: 'nearest' }) }, [task?.label])
  return (
    <div class="prj-page">
      {outcome}
      <Graph label="Steps" chosen={step.name} to={(name) => withQuery({ step: name, task: null })} nodes={steps.map((each) => ({ ...each, said: said(each, time) }))} />
      <section class="prj-step" aria-label={step.name}>
        <div class="prj-said">
          <h2><Sign state={step.state} /> {step.name}</h2>
          <p class="s i2">{task && !many ? <Sentence task={task} time={time} /> : step.tasks.length ? <>{plural(step.tasks.length, 'task')}: {counted(step.tasks)}</> : <>{step.state === 'waiting' ? 'waits for the steps before it' : step.state}{step.reason && `: ${step.reason}`}</>}</p>
        </div>
        {many && <Tasks tasks={tasks} all={step.tasks.length} chosen={task} time={time} />}
        {task && many && <p class="prj-said s i2"><span class="m">{task.label}</span> <Sentence task={task} time={time} /></p>}
        {task && task.run && task.state !== 'kept' && <Attempts id={id} experiment={experiment} task={task} />}
        <nav class="tabs" aria-label="Parts of the step">
          <a href={withQuery({ show: null })} class={isLog ? 'on' : ''} aria-current={isLog ? 'page' : undefined}>Log</a>
          <a href={withQuery({ show: 'outputs' })} class={isLog ? '' : 'on'} aria-current={isLog ? undefined : 'page'}>Outputs</a>
        </nav>
        {!task?.run ? <div class="dots prj-none"><Nothing title="It has not run">What it prints and gives stands here when it has.</Nothing></div>
          : isLog ? <Log key={task.run} run={task.run} live={task.state === 'running'} /> : <Outputs key={task.run} run={task.run} turn={task.state} />}
      </section>
    </div>
  )
}

const bounded = (at: number, length: number): number => Math.max(0, Math.min(length - 1, at))

function sighted(tasks: readonly TaskRecord[]): readonly TaskRecord[] {
  if (tasks.length <= MOST_TASKS) return tasks
  const plain = (task: TaskRecord) => task.state === 'done' || task.state === 'kept' || task.state === 'waiting'
  let room = MOST_TASKS - tasks.filter((task) => !plain(task)).length
  return tasks.filter((task) => !plain(task) || room-- > 0).slice(0, MOST_TASKS)
}

const WORDS: Partial<Record<State, string>> = { kept: 'as before', waiting: 'not yet', blocked: 'cannot run', killed: 'broken off', failed: 'not begun' }

/** Beside its sign, which tells the state. */
function said(step: StepRecord, time: number): string {
  const took = spanOf(step, time)
  if (step.tasks.length > 1) return `${count(step.tasks.filter((task) => task.state === 'done' || task.state === 'kept').length)} of ${count(step.tasks.length)}${took === null ? '' : `, ${duration(took)}`}`
  return took === null ? WORDS[step.state] ?? '' : duration(took)
}

/** What became of a task and why; a kept one is the run of another time. */
function Sentence({ task, time }: { task: TaskRecord; time: number }) {
  const took = tookOf(task, time)
  const told = took === null ? '' : ` ${task.state === 'failed' || task.state === 'killed' ? 'after' : task.state === 'running' ? 'for' : 'in'} ${duration(took)}`
  return (
    <>
      {task.state === 'kept' ? 'kept, as an earlier run gave it' : task.state}{told}
      {task.attempts > 1 && `, attempt ${task.attempts}`}
      {task.reason && <>: <span class="m">{task.reason}</span></>}
      {task.run && <> <a class="link nw" href={href(`/runs/${task.run}`)}><Peg run={task.run} status={STATUSES[task.state] ?? ''} /> its run</a></>}
    </>
  )
}

const STATUSES: Record<string, string> = { done: 'FINISHED', kept: 'FINISHED', running: 'RUNNING', failed: 'FAILED', killed: 'KILLED' }

function Tasks({ tasks, all, chosen, time }: { tasks: readonly TaskRecord[]; all: number; chosen: TaskRecord | undefined; time: number }) {
  return (
    <nav class="prj-tasks" aria-label="Tasks" tabIndex={0}>
      {tasks.map((task) => {
        const on = task === chosen
        const took = tookOf(task, time)
        return <a key={task.label} href={withQuery({ task: task.label })} class={on ? 'on' : ''} aria-current={on ? 'true' : undefined} title={task.reason}><Sign state={task.state} /><span class="cut">{task.label}</span><span class="i3 r">{took === null ? '' : duration(took)}{task.attempts > 1 && `, attempt ${task.attempts}`}</span></a>
      })}
      {all > tasks.length && <p class="i3">{count(all - tasks.length)} more are not shown</p>}
    </nav>
  )
}

interface Found {
  ids: string[]
  status: string[]
}

/** All runs of a task below the workflow's: it was tried again, or went on after it had failed. */
function Attempts({ id, experiment, task }: { id: string; experiment: string; task: TaskRecord }) {
  const q = `${below(id)} and tags.\`pegboard.workflow.task\` = '${task.label.replace(/'/g, "''")}'`
  const found = useResource<Found>('runs/table', { experiment_ids: [experiment], q, sort: 'attributes.start_time', limit: 50 })
  useEffect(() => { if (found.data) found.reload() }, [task.run, task.state])
  if (!found.data || found.data.ids.length < 2) return null
  const { ids, status } = found.data
  return <p class="prj-said s i2">All attempts: {ids.map((run, i) => <a key={run} class="link nw" href={href(`/runs/${run}`)}><Peg run={run} status={status[i] ?? ''} /> {i + 1}</a>)}</p>
}

/** The files that a step's run gave to others, and what it measured. */
function Outputs({ run, turn }: { run: string; turn: string }) {
  const found = useResource<RunAnswer>('/api/2.0/mlflow/runs/get', { run_id: run })
  useEffect(() => { if (found.data) found.reload() }, [turn])
  if (found.error && !found.data) return <Failed what="The outputs could not be read" error={found.error} retry={found.reload} />
  if (!found.data) return null
  const paths = outputsOf(tagOf(found.data, OUTPUTS))
  const metrics = found.data.run.data.metrics ?? []
  if (!paths.length && !metrics.length) return <div class="dots prj-none"><Nothing title="No outputs">{turn === 'running' ? 'They are there when the step is done.' : 'The step names none, or did not come to its end.'} <a class="link" href={href(`/runs/${run}?tab=artifacts`)}>All files of its run</a></Nothing></div>
  return (
    <div class="prj-outputs scroll" tabIndex={0} role="region" aria-label="Outputs">
      {paths.length > 0 && <ul>{paths.map((path) => <li key={path}><a class="link m" href={href(`/runs/${run}`) + asSearch({ tab: 'artifacts', path })}>{path}</a></li>)}</ul>}
      {metrics.length > 0 && <dl class="kv">{metrics.map(({ key, value }) => <><dt key={key} title={key}>{key}</dt><dd title={exact(num(value))}>{one(num(value))}</dd></>)}</dl>}
    </div>
  )
}
