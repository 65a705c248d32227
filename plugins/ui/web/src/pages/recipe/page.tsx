/** The recipe that made a run: its steps, why each ran, the card and the log of one. */
import { useEffect } from 'preact/hooks'
import { exact, one } from '../../core/format'
import { useEvents } from '../../core/events'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { navigate, type PageProps, param, setQuery, withQuery } from '../../core/router'
import { duration } from '../../core/times'
import { Frame } from '../../parts/artifact/frame'
import { MOST, useHead } from '../../parts/artifact/source'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { Graph, Sign } from '../../parts/steps/graph'
import { Ago } from '../../parts/time'
import { type Criterion, firstShown, recordOf, type RecipeRecord, type StepRecord } from './record'
import './page.css'

const RECORD = 'recipe.json'

interface RunAnswer {
  run: { info: { run_id: string; run_name: string; status: string; experiment_id: string } }
}

export default function Recipe({ params }: PageProps) {
  return <Page key={params.run} id={params.run ?? ''} />
}

function Page({ id }: { id: string }) {
  const found = useResource<RunAnswer>('/api/2.0/mlflow/runs/get', { run_id: id })
  const { head, error, reload } = useHead({ run: id }, RECORD, MOST)
  const info = found.data?.run.info
  useEvents(`run:${id}`, () => { reload(); found.reload() })
  useEffect(() => give([id]), [id])
  const record = head && recordOf(new TextDecoder().decode(head.bytes))
  useKeys('Recipe', { o: { does: 'Open the run', run: () => navigate(`/runs/${id}`) } })
  return (
    <>
      <Bar
        place={<>{info && <><a class="i3" href={href(`/experiments/${info.experiment_id}`)}>runs</a><span class="sep">/</span></>}<Peg run={id} status={info?.status ?? ''} /><a class="cut" href={href(`/runs/${id}`)}>{info?.run_name ?? id.slice(0, 8)}</a><span class="sep">/</span><h1>{record?.recipe || 'recipe'}</h1></>}
        right={<a class="btn flat" href={href(`/runs/${id}`)}>run<kbd>o</kbd></a>}
      />
      {found.error?.status === 404 ? <div class="scroll dots"><Nothing title="There is no such run">{found.error.message}</Nothing></div>
        : record ? <Steps id={id} record={record} />
        : <div class="scroll dots">
            {error?.status === 404 || head ? <Nothing title="This run is not of a recipe">It has no readable file <span class="m">{RECORD}</span>, which <span class="m">pegboard recipes run</span> writes when the run's recipe is done.</Nothing>
              : error && <Failed what="The steps could not be read" error={error} retry={reload} />}
          </div>}
      <Foot right={<span class="k2 k">{id}</span>}>{record && <span>{record.kind}, profile {record.profile}</span>}</Foot>
    </>
  )
}

function Steps({ id, record }: { id: string; record: RecipeRecord }) {
  const { steps } = record
  const asked = param('step')
  const step = steps.find((each) => each.name === asked) ?? firstShown(steps)
  const at = steps.indexOf(step)
  const go = (by: number) => () => setQuery({ step: steps[Math.max(0, Math.min(steps.length - 1, at + by))]!.name }, { replace: true })
  const isLog = param('show') === 'log'
  const show = (log: boolean) => setQuery({ show: log ? 'log' : null }, { replace: true })
  useKeys('Steps', {
    ArrowLeft: { does: 'Step before', run: go(-1), quiet: true }, ArrowRight: { does: 'Next step', run: go(1), quiet: true },
    '[': { does: 'Step before', run: go(-1) }, ']': { does: 'Next step', run: go(1) },
    l: { does: isLog ? 'The card' : 'The log', run: () => show(!isLog) },
  })
  return (
    <div class="rec-page">
      <section class="rec-head" aria-label="Outcome">
        <p class="s"><b class={TONES[record.status] ?? ''}>{record.status}</b>{record.model && <>: <a class="link m" href={href(`/models/${encodeURIComponent(record.model.name)}/${encodeURIComponent(record.model.version)}`)}>{record.model.name} v{record.model.version}</a></>}</p>
        {record.criteria.map((each) => <Judged key={each.metric} criterion={each} />)}
      </section>
      <Graph label="Steps" chosen={step.name} to={(name) => withQuery({ step: name })} nodes={steps.map((each) => ({ ...each, said: each.seconds === null ? 'not run' : <>{duration(each.seconds * 1000)}{each.state === 'kept' && ', kept'}</> }))} />
      <section class="rec-step" aria-label={step.name}>
        <div class="rec-said">
          <h2><Sign state={step.state} /> {step.name}</h2>
          <p class="s i2">{sentence(step)}{step.when !== null && <>, <Ago at={step.when} /></>}{step.reason && <>: <span class="m">{step.reason}</span></>}</p>
        </div>
        <nav class="tabs" aria-label="Parts of the step">
          <a href={withQuery({ show: null })} class={isLog ? '' : 'on'} aria-current={isLog ? undefined : 'page'}>Card</a>
          <a href={withQuery({ show: 'log' })} class={isLog ? 'on' : ''} aria-current={isLog ? 'page' : undefined}>Log</a>
        </nav>
        {isLog ? <Log key={step.name} id={id} step={step} /> : <Card id={id} step={step} />}
      </section>
    </div>
  )
}

const TONES: Record<string, string> = { validated: 'ok', rejected: 'warn', failed: 'bad' }

function sentence({ state, seconds }: StepRecord): string {
  const took = seconds === null ? '' : ` in ${duration(seconds * 1000)}`
  if (state === 'kept') return `kept, as it was made${took}`
  return state === 'waiting' ? 'has not run for this run' : state === 'failed' ? `failed after ${duration((seconds ?? 0) * 1000)}` : `${state}${took}`
}

function Judged({ criterion: { metric, value, threshold, greater, met } }: { criterion: Criterion }) {
  return <p class="m" title={exact(value)}><span class={met ? 'ok' : 'bad'}>{met ? 'met' : 'missed'}</span> {metric} {one(value)} {met ? (greater ? '≥' : '≤') : (greater ? '<' : '>')} {one(threshold)}</p>
}

/** A card may hold anything: it is shown apart, and runs nothing. */
function Card({ id, step }: { id: string; step: StepRecord }) {
  if (!step.card) return <div class="dots rec-none"><Nothing title="There is no card yet">The step makes one when it runs.</Nothing></div>
  return <Frame key={step.card} owner={{ run: id }} path={step.card} title={`Card of ${step.name}`} sandbox="" />
}

function Log({ id, step }: { id: string; step: StepRecord }) {
  return step.log ? <LogText id={id} path={step.log} /> : <div class="dots rec-none"><Nothing title="The log is empty">The step printed nothing, and nothing warned.</Nothing></div>
}

function LogText({ id, path }: { id: string; path: string }) {
  const { head, error, reload } = useHead({ run: id }, path, MOST)
  if (error) return <Failed what="The log could not be read" error={error} retry={reload} />
  return head ? <pre class="rec-log" tabIndex={0} role="region" aria-label="Log">{new TextDecoder().decode(head.bytes)}</pre> : null
}
