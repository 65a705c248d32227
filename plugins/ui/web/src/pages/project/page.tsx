/** What a project's run is and prints, and a workflow as the graph of its steps: live while it goes on. */
import { useEffect } from 'preact/hooks'
import type { Failure } from '../../core/api'
import { copy } from '../../core/copy'
import { useEvents } from '../../core/events'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { navigate, type PageProps } from '../../core/router'
import { duration } from '../../core/times'
import { MOST, useHead } from '../../parts/artifact/source'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { Log } from './log'
import { PROJECT, type ProjectRecord, projectOf, WORKFLOW, type WorkflowRecord, workflowOf } from './record'
import type { RunAnswer } from './run'
import { EVERY_MS, useEvery } from './tail'
import { Steps } from './workflow'
import './page.css'

export default function Project({ params }: PageProps) {
  return <Page key={params.run} id={params.run ?? ''} />
}

function Page({ id }: { id: string }) {
  const found = useResource<RunAnswer>('/api/2.0/mlflow/runs/get', { run_id: id })
  const flow = useHead({ run: id }, WORKFLOW, MOST)
  const own = useHead({ run: id }, PROJECT, MOST)
  const info = found.data?.run.info
  const live = info ? info.status === 'RUNNING' || info.status === 'SCHEDULED' : false
  const reload = () => { found.reload(); flow.reload(); own.reload() }
  useEvents(`run:${id}`, reload)
  // Files change without a word of the server.
  useEvery(live ? EVERY_MS : 0, flow.head ? flow.reload : own.reload)
  useEffect(() => { if (!live) reload() }, [live])
  useEffect(() => give([id]), [id])
  const workflow = flow.head && info && workflowOf(decoded(flow.head.bytes), live)
  const project = own.head && projectOf(decoded(own.head.bytes))
  const name = workflow?.name ?? project?.name
  const again = workflow && !live && info?.status !== 'FINISHED' ? `pegboard workflows resume ${id}` : project && !live ? `pegboard rerun ${id}` : ''
  const take = () => void copy(again, 'command copied')
  useKeys('Project', {
    o: { does: 'Open the run', run: () => navigate(`/runs/${id}`) },
    y: again ? { does: 'Copy the command that goes on or runs it again', run: take } : undefined,
  })
  return (
    <>
      <Bar
        place={<>{info && <><a class="i3" href={href(`/experiments/${info.experiment_id}`)}>runs</a><span class="sep">/</span></>}<Peg run={id} status={info?.status ?? ''} /><a class="cut" href={href(`/runs/${id}`)}>{info?.run_name ?? id.slice(0, 8)}</a><span class="sep">/</span><h1>{name || 'project'}</h1></>}
        right={<>{again && <button class="btn flat" title={again} onClick={take}>{workflow ? 'resume' : 'rerun'}<kbd>y</kbd></button>}<a class="btn flat" href={href(`/runs/${id}`)}>run<kbd>o</kbd></a></>}
      />
      {found.error?.status === 404 ? <div class="scroll dots"><Nothing title="There is no such run">{found.error.message}</Nothing></div>
        : workflow ? <Steps id={id} experiment={info!.experiment_id} record={workflow} live={live} outcome={<Outcome answer={found.data!} workflow={workflow} />} />
        : project ? <Alone id={id} record={project} live={live} answer={found.data} />
        : <div class="scroll dots"><None errors={[flow.error, own.error]} unreadable={Boolean(flow.head ?? own.head)} retry={reload} /></div>}
      <Foot right={<span class="k2 k">{id}</span>}>{workflow && <span class="cut">{workflow.uri}</span>}</Foot>
    </>
  )
}

const decoded = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

function None({ errors, unreadable, retry }: { errors: (Failure | undefined)[]; unreadable: boolean; retry: () => void }) {
  const error = errors.find((each) => each && each.status !== 404)
  if (error) return <Failed what="The steps could not be read" error={error} retry={retry} />
  // The answers are on their way.
  if (!unreadable && !errors.every(Boolean)) return null
  return <Nothing title="This run is not of a project">It has no readable file <span class="m">{WORKFLOW}</span> or <span class="m">{PROJECT}</span>, which <span class="m">pegboard workflows run</span> and <span class="m">pegboard run</span> write.</Nothing>
}

const TONES: Record<string, string> = { FINISHED: 'ok', FAILED: 'bad', KILLED: 'warn', LOST: 'warn' }

function Status({ answer }: { answer: RunAnswer }) {
  const { status, start_time, end_time } = answer.run.info
  return <p class="s"><b class={TONES[status] ?? ''}>{status.toLowerCase()}</b>{end_time ? ` after ${duration(end_time - start_time)}` : ''}</p>
}

function Outcome({ answer, workflow }: { answer: RunAnswer; workflow: WorkflowRecord }) {
  return (
    <section class="prj-head" aria-label="Outcome">
      <Status answer={answer} />
      {workflow.parameters.map(([name, value]) => <p key={name} class="m cut" title={`${name} ${value}`}><span class="i3">{name}</span> {value}</p>)}
    </section>
  )
}

/** A run of a project without steps: what ran, how it ended, what it prints. */
function Alone({ id, record, live, answer }: { id: string; record: ProjectRecord; live: boolean; answer: RunAnswer | undefined }) {
  return (
    <div class="prj-page">
      <section class="prj-head" aria-label="Outcome">{answer && <Status answer={answer} />}<p class="m prj-command">{record.command}</p></section>
      <dl class="prj-facts">{record.facts.map(([name, value]) => <><dt key={name}>{name}</dt><dd title={value}>{value}</dd></>)}</dl>
      <section class="prj-step" aria-label="Output"><Log run={id} live={live} /></section>
    </div>
  )
}
