/** What stands beside the versions: the chosen one, else the model itself. */
import type { Resource } from '../../core/resource'
import { href, may } from '../../core/root'
import { navigate, setQuery } from '../../core/router'
import { Ago } from '../../parts/time'
import type { ModelAnswer, Run, Version } from '../../parts/registry/answers'
import { Alias, Description, History, RunLink, Section, Tags, versionPath } from '../../parts/registry/bits'
import { removeAlias, rollBack } from '../../parts/registry/edits'
import { Lineage } from './lineage'
import type { Shown } from './model'

export interface AboutProps {
  name: string
  answer: ModelAnswer
  model: Shown
  version: Version | undefined
  run: Run | undefined
  found: Resource<ModelAnswer>
  menu: (at: Element) => void
  ask: (what: 'rename' | 'delete') => void
}

export function About(props: AboutProps) {
  return props.version ? <OfVersion {...props} version={props.version} /> : <OfModel {...props} />
}

function OfVersion({ name, answer, model, version, run, found, menu }: AboutProps & { version: Version }) {
  const target = { name, version: version.version }
  const aliases = model.aliases.filter(([, held]) => held === version.version)
  const changes = answer.changes.filter((change) => change.version === version.version || change.before === version.version || change.after === version.version)
  return (
    <>
      <div class="mod-side"><h2><a href={href(versionPath(name, version.version))}>{name} <span class="m">v{version.version}</span></a></h2><span class="x" /><button class="btn flat" onClick={() => setQuery({ at: null }, { replace: true })}>close<kbd>esc</kbd></button></div>
      <p class="i2 s"><RunLink run={run} id={version.run_id} /> registered <Ago at={version.creation_timestamp} />{version.user_id && ` by ${version.user_id}`}{version.current_stage !== 'None' && `, in ${version.current_stage}`}</p>
      <div class="mod-acts">
        {may('write') && <button class="btn main" aria-haspopup="menu" onClick={(event) => menu(event.currentTarget)}>Move an alias here<kbd>m</kbd></button>}
        <button class="btn" onClick={() => navigate(versionPath(name, version.version))}>Open<kbd>enter</kbd></button>
      </div>
      {aliases.length > 0 && (
        <ul class="mod-held">
          {aliases.map(([alias]) => (
            <li key={alias}><Alias name={alias} /><span class="x" />
              {may('write') && model.lanes.find((lane) => lane.alias === alias && lane.segments.length > 1) && <button class="link" onClick={() => void rollBack(name, alias, version.version, found.reload)}>roll back</button>}
              {may('write') && <button class="link" onClick={() => void removeAlias(name, alias, version.version, model.show, found.reload)}>remove</button>}
            </li>
          ))}
        </ul>
      )}
      <Section title={`Lineage of v${version.version}`}><Lineage compact data={run?.data ?? []} run={run} version={version} aliases={aliases.map(([alias]) => alias)} /></Section>
      <Section title="Description"><Description key={version.version} target={target} text={version.description} renew={found.reload} /></Section>
      <Section title="Tags"><Tags key={version.version} target={target} tags={version.tags ?? []} renew={found.reload} /></Section>
      <Section title="History"><History changes={changes.slice(0, 20)} /></Section>
    </>
  )
}

function OfModel({ name, answer, model: shown, found, ask }: AboutProps) {
  const { model } = answer
  const first = shown.aliases[0]?.[0]
  const gated = Object.entries(answer.gates)
  return (
    <>
      <div class="mod-side"><h2>About</h2><span class="x" />{may('write') && <button class="btn flat" onClick={() => ask('rename')}>rename</button>}{may('delete') && <button class="btn flat danger" onClick={() => ask('delete')}>delete</button>}</div>
      <Description target={{ name }} text={model.description ?? ''} renew={found.reload} />
      <p class="i3 s">Created <Ago at={model.creation_timestamp} />, changed <Ago at={model.last_updated_timestamp} />.</p>
      <Section title="Tags"><Tags target={{ name }} tags={model.tags ?? []} renew={found.reload} /></Section>
      {gated.length > 0 && (
        <Section title="Gates">
          <dl class="kv">{gated.flatMap(([key, gates]) => [<dt key={`${key} k`}>{key === '*' ? 'all' : key}</dt>, <dd key={key}>{gates.join(', ')}{gates.includes('approval') && ` of ${answer.approvals_needed}`}</dd>])}</dl>
        </Section>
      )}
      <Section title="Load it"><pre class="mod-code" tabIndex={0}>models:/{name}{first ? `@${first}` : answer.versions[0] ? `/${answer.versions[0].version}` : ''}</pre></Section>
    </>
  )
}
