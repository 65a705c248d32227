/** All models: who is champion, by which number, and what is new. */
import { useEffect, useState } from 'preact/hooks'
import { one, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { useRegistry } from '../../core/events'
import { useResource } from '../../core/resource'
import { address, href, may } from '../../core/root'
import { navigate, param, setQuery } from '../../core/router'
import { copy } from '../../core/copy'
import { Ask } from '../../parts/ask'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Failed, Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import type { ModelsAnswer, Run, Version } from '../../parts/registry/answers'
import { Alias, Day, Find, modelPath, RunLink, versionPath } from '../../parts/registry/bits'
import { createModel, register } from '../../parts/registry/edits'
import { byRank, firstLine, headlineOf, metric } from '../../parts/registry/figures'
import { modelsQuery } from './scope'
import '../../parts/registry/registry.css'

type Shown = ModelsAnswer['models'][number]

export default function Models() {
  const q = param('q')
  const found = useResource<ModelsAnswer>('registry/models', modelsQuery())
  const [at, setAt] = useState(0)
  const [making, setMaking] = useState(param('new') === '1')
  const answer = found.data
  const models = answer?.models ?? []
  useRegistry(found.reload)
  useEffect(() => { if (answer) give(Object.keys(answer.runs)) }, [answer])
  const step = (by: number) => () => setAt((now) => Math.max(0, Math.min(models.length - 1, now + by)))
  const current = models[at]
  useKeys('Models', {
    j: { does: 'Next model', run: step(1), quiet: true },
    k: { does: 'Previous model', run: step(-1), quiet: true },
    ArrowDown: { does: 'Next model', run: step(1), quiet: true },
    ArrowUp: { does: 'Previous model', run: step(-1), quiet: true },
    Enter: { does: 'Open the model', run: () => current && navigate(modelPath(current.model.name)), needs: !current && 'a model under the cursor (j)' },
    n: may('write') ? { does: 'New model', run: () => setMaking(true) } : undefined,
  })
  const wrong = found.error?.status === 400 && q ? found.error : undefined
  return (
    <>
      <Bar place={<h1>models</h1>} right={may('write') && <button class="btn flat" onClick={() => setMaking(true)}>new model<kbd>n</kbd></button>}>
        <Find label="Find a model" placeholder="a name, or tags.team = 'audio'" typed={() => setAt(0)} />
      </Bar>
      <div class="scroll dots">
        {wrong && <p class="mod-wrong" role="alert"><span class="bad">{wrong.message}</span> {wrong.hint}</p>}
        {found.error && !wrong && <Failed what="The models could not be read" error={found.error} still={answer ? 'What is shown is what was read before.' : ''} retry={found.reload} />}
        {answer && models.length > 0 && <Table models={models} runs={answer.runs} at={at} setAt={setAt} />}
        {answer && !models.length && (q ? <Nothing title="No model fits">No name or tag fits. <button class="link" onClick={() => setQuery({ q: null })}>Take it away</button></Nothing> : <NoModels />)}
      </div>
      <Foot right={<>{param('page') && <button class="k" onClick={() => history.back()}>back</button>}{answer?.next_page_token && <button class="k" onClick={() => setQuery({ page: answer.next_page_token })}>more models</button>}</>}>
        {answer && <span>{plural(models.length, 'model')}{answer.next_page_token && ', and more'}</span>}
      </Foot>
      {param('register') && may('write') && (
        <Ask title="Register a model" button="Register" fields={[{ name: 'name', label: 'Name of the model, one that is there or a new one' }, { name: 'source', label: 'Files', value: param('register') }]} close={() => setQuery({ register: null, run: null }, { replace: true })}
          does={({ name, source }) => void register(name!.trim(), source!.trim(), param('run')).then((made) => made && navigate(versionPath(made.model_version.name, made.model_version.version)))} />
      )}
      {making && <Ask title="New model" button="Create" fields={[{ name: 'name', label: 'Name' }, { name: 'description', label: 'Description, in markdown', long: true, required: false }]} does={({ name, description }) => void createModel(name!, description!).then((done) => done && navigate(modelPath(name!)))} close={() => setMaking(false)} />}
    </>
  )
}

function Table({ models, runs, at, setAt }: { models: readonly Shown[]; runs: Record<string, Run>; at: number; setAt: (at: number) => void }) {
  return (
    <table class="mod-list">
      <colgroup><col class="w-name" /><col class="w-alias" /><col class="w-num" /><col class="w-since" /><col class="w-new" /><col class="w-stage" /><col /></colgroup>
      <thead><tr><th>name</th><th>champion</th><th class="r">metric</th><th class="r">since</th><th class="g">newest</th><th>stages</th><th>tags and description</th></tr></thead>
      <tbody>
        {models.map((each, i) => <Row key={each.model.name} shown={each} runs={runs} on={i === at} point={() => setAt(i)} />)}
      </tbody>
    </table>
  )
}

function Row({ shown, runs, on, point }: { shown: Shown; runs: Record<string, Run>; on: boolean; point: () => void }) {
  const { model, newest, aliased, moves } = shown
  const aliases = (model.aliases ?? []).toSorted((a, b) => byRank(a.alias, b.alias))
  const first = aliases[0]
  const held = first && aliased.find((version) => version.version === first.version)
  const best = held ?? newest ?? undefined
  const run = best && runs[best.run_id]
  const key = headlineOf(run ? [run] : [])
  const move = first && moves.find((each) => each.key === first.alias)
  const stages = (model.latest_versions ?? []).filter((version) => version.current_stage !== 'None')
  return (
    <tr class={on ? 'at' : ''} onPointerEnter={point}>
      <td class="w5"><a href={href(modelPath(model.name))} title={model.name}>{model.name}</a></td>
      <td>{first ? <a href={href(versionPath(model.name, first.version))}><Alias name={first.alias} /> <span class="w5">v{first.version}</span></a> : <span class="i3">–</span>}{aliases.length > 1 && <span class="i3" title={aliases.slice(1).map((each) => `${each.alias} v${each.version}`).join(', ')}> +{aliases.length - 1}</span>}</td>
      <td class="r" title={key ? `${key} of ${run?.name}` : ''}>{key && <><span class="i3">{key}</span> {one(metric(run, key))}</>}</td>
      <td class="r i2">{move ? <><Day at={move.timestamp} />{move.user && <span class="i3"> by {move.user}</span>}</> : '–'}</td>
      <td class="g"><Newest version={newest} run={newest ? runs[newest.run_id] : undefined} name={model.name} /></td>
      <td class="i2">{stages.map((version) => `${version.current_stage} v${version.version}`).join(', ') || <span class="i3">–</span>}</td>
      <td class="s i3" title={model.description}>{(model.tags ?? []).filter((tag) => !tag.key.startsWith('mlflow.')).slice(0, 3).map((tag) => <span key={tag.key} class="mod-tag m">{tag.key} {tag.value}</span>)} {firstLine(model.description)}</td>
    </tr>
  )
}

function Newest({ version, run, name }: { version: Version | null; run: Run | undefined; name: string }) {
  if (!version) return <span class="i3">no versions</span>
  return <span class="nm"><a class="w5" href={href(versionPath(name, version.version))}>v{version.version}</a> <RunLink run={run} id={version.run_id} /> <span class="i3"><Age at={version.creation_timestamp} /></span></span>
}

function NoModels() {
  const code = `import pegboard\npegboard.set_tracking_uri("${address()}")\nwith pegboard.start_run():\n    pegboard.sklearn.log_model(model, name="model", registered_model_name="my-model")`
  const take = () => void copy(code, 'code copied')
  useKeys('No models yet', { y: { does: 'Copy the code', run: take } })
  return (
    <div class="hole">
      <h2>No models yet</h2>
      <div class="code" tabIndex={0} role="region" aria-label="Code that registers a model"><button class="btn flat" onClick={take}>copy<kbd>y</kbd></button>{code}</div>
      <div class="then"><span class="s">A model is a name for versions of one thing, each made by a run. Code that registers with MLflow works unchanged.</span></div>
    </div>
  )
}
