/** What stands beside the versions: the chosen one, else the prompt itself. */
import type { ComponentChildren } from 'preact'
import { count } from '../../core/format'
import type { Resource } from '../../core/resource'
import { href, may } from '../../core/root'
import { hasRoute, navigate, setQuery } from '../../core/router'
import { Peg } from '../../parts/peg'
import { Ago } from '../../parts/time'
import { playPath } from '../../parts/prompt/scope'
import { configOf, configText, formatOf, templateOf, variablesOf } from '../../parts/prompt/template'
import type { ModelAnswer, Version } from '../../parts/registry/answers'
import { Alias, Description, History, Section, Tags } from '../../parts/registry/bits'
import { removeAlias, rollBack } from '../../parts/registry/edits'
import type { Uses } from './answers'
import type { Shown } from './prompt'

export interface AboutProps {
  name: string
  answer: ModelAnswer
  prompt: Shown
  version: Version | undefined
  found: Resource<ModelAnswer>
  menu: (at: Element) => void
  remove: () => void
}

/** Tags of ours are no more for people than MLflow's, which are not shown either. */
const shownTags = (tags: Version['tags'] = []) => tags.filter((tag) => !/^(mlflow\.|_mlflow|pegboard\.prompt\.)/.test(tag.key))

export function About(props: AboutProps) {
  return props.version ? <OfVersion {...props} version={props.version} /> : <OfPrompt {...props} />
}

function OfVersion({ name, answer, prompt, version, found, menu }: AboutProps & { version: Version }) {
  const aliases = prompt.aliases.filter(([, held]) => held === version.version)
  const changes = answer.changes.filter((change) => change.version === version.version || change.before === version.version || change.after === version.version)
  const write = may('write')
  const config = configText(configOf(version))
  const format = formatOf(version)
  const names = variablesOf(templateOf(version))
  return (
    <>
      <div class="mod-side"><h2>{name} <span class="m">v{version.version}</span></h2><span class="x" /><button class="btn flat" onClick={() => setQuery({ at: null }, { replace: true })}>close<kbd>esc</kbd></button></div>
      <p class="i2 s">registered <Ago at={version.creation_timestamp} />{version.user_id && ` by ${version.user_id}`}</p>
      <div class="mod-acts">
        {write && <button class="btn main" aria-haspopup="menu" onClick={(event) => menu(event.currentTarget)}>Move an alias here<kbd>m</kbd></button>}
        {hasRoute('/playground') && <button class="btn" onClick={() => navigate(playPath(name, version.version))}>Try it<kbd>p</kbd></button>}
      </div>
      {aliases.length > 0 && (
        <ul class="mod-held">
          {aliases.map(([alias]) => (
            <li key={alias}><Alias name={alias} /><span class="x" />
              {write && prompt.lanes.find((lane) => lane.alias === alias && lane.segments.length > 1) && <button class="link" onClick={() => void rollBack(name, alias, version.version, found.reload)}>roll back</button>}
              {write && <button class="link" onClick={() => void removeAlias(name, alias, version.version, prompt.show, found.reload)}>remove</button>}
            </li>
          ))}
        </ul>
      )}
      <Section title="Used by"><UsedBy name={name} version={version.version} uses={prompt.uses.data?.versions[version.version]} known={prompt.uses.data !== undefined} endpoints={prompt.served(version.version)} /></Section>
      {names.length > 0 && <Section title="Variables"><p class="m">{names.join(', ')}</p></Section>}
      {config && <Section title="Model config"><pre class="pr-json">{config}</pre></Section>}
      {format && <Section title="Response schema"><pre class="pr-json">{format}</pre></Section>}
      <Section title="What is new"><Description key={version.version} target={{ name, version: version.version }} text={version.description} renew={found.reload} /></Section>
      <Section title="Tags"><Tags key={version.version} target={{ name, version: version.version }} tags={shownTags(version.tags)} renew={found.reload} /></Section>
      <Section title="History"><History changes={changes.slice(0, 20)} /></Section>
    </>
  )
}

function UsedBy({ name, version, uses, known, endpoints }: { name: string; version: string; uses: Uses | undefined; known: boolean; endpoints: readonly string[] }) {
  if (!uses) return <p class="i3">{known ? 'Nothing is known.' : 'Reading…'}</p>
  if (!endpoints.length && !uses.runs.length && !uses.models.length && !uses.traces_total) return <p class="i3">No endpoint, run, model or trace uses this version.</p>
  return (
    <ul class="pr-uses">
      {endpoints.map((each) => <Use key={each} kind="endpoint" to={`/gateway?q=${encodeURIComponent(each)}`}>{each}</Use>)}
      {uses.runs.map((run) => <Use key={run.run_id} kind="run" to={`/runs/${run.run_id}`}><Peg run={run.run_id} status={run.status} />{run.name}</Use>)}
      {uses.runs_total > uses.runs.length && <li class="i3">and {count(uses.runs_total - uses.runs.length)} more runs</li>}
      {uses.models.map((model) => <Use key={model.model_id} kind="model" to={`/logged-models/${model.model_id}`}>{model.name}</Use>)}
      {uses.traces_total > 0 && <Use kind="traces" to={`/traces?q=${encodeURIComponent(`prompt = '${name}/${version}'`)}`}>{count(uses.traces_total)}{uses.traces_total >= 200 && ' or more'}</Use>}
    </ul>
  )
}

function Use({ kind, to, children }: { kind: string; to: string; children: ComponentChildren }) {
  return <li><span class="i3">{kind}</span>{hasRoute(to.split('?')[0]!) ? <a class="nm cut" href={href(to)}>{children}</a> : <span class="nm cut">{children}</span>}</li>
}

function OfPrompt({ name, answer, prompt, found, remove }: AboutProps) {
  const { model } = answer
  const first = prompt.aliases[0]?.[0]
  const gated = Object.entries(answer.gates)
  return (
    <>
      <div class="mod-side"><h2>About</h2><span class="x" />{may('delete') && <button class="btn flat danger" onClick={remove}>delete</button>}</div>
      <Description target={{ name }} text={model.description ?? ''} renew={found.reload} />
      <p class="i3 s">Created <Ago at={model.creation_timestamp} />, changed <Ago at={model.last_updated_timestamp} />.</p>
      <Section title="Tags"><Tags target={{ name }} tags={shownTags(model.tags)} renew={found.reload} /></Section>
      {gated.length > 0 && <Section title="Gates"><dl class="kv">{gated.flatMap(([key, gates]) => [<dt key={`${key} k`}>{key === '*' ? 'all' : key}</dt>, <dd key={key}>{gates.join(', ')}{gates.includes('approval') && ` of ${answer.approvals_needed}`}</dd>])}</dl></Section>}
      <Section title="Load it"><pre class="mod-code" tabIndex={0}>prompts:/{name}{first ? `@${first}` : answer.versions[0] ? `/${answer.versions[0].version}` : ''}</pre></Section>
    </>
  )
}
