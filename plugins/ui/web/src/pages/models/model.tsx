/** One model: where its aliases point, how they came there, and its versions. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { columnOf, exact, plural, signed } from '../../core/format'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { useRegistry } from '../../core/events'
import { type Resource, useResource } from '../../core/resource'
import { href, may } from '../../core/root'
import { asList, asSearch, listParam, navigate, type PageProps, param, setQuery } from '../../core/router'
import { Ask } from '../../parts/ask'
import { Bar } from '../../parts/bar'
import { Confirm } from '../../parts/dialog'
import { Foot } from '../../parts/foot'
import { Arrow } from '../../parts/icon'
import { Failed, Nothing } from '../../parts/states'
import type { ModelAnswer, Run, Version } from '../../parts/registry/answers'
import { About } from './about'
import { Day, Find, History, modelPath, RunLink, versionPath } from '../../parts/registry/bits'
import { createVersion, deleteModel, type Move, moveAlias, moveStage, rename } from '../../parts/registry/edits'
import { better, byRank, type Direction, fits, headlineOf, lanesOf, metric, metricsOf } from '../../parts/registry/figures'
import { Lanes } from '../../parts/registry/lanes'
import { AliasMenu, MovePanel } from '../../parts/registry/later'
import { modelQuery } from './scope'
import { Versions } from './versions'
import '../../parts/registry/registry.css'

/** Directions of metrics, as their experiment says them. */
interface Compared {
  headline: string | null
  rows: { column: string; direction: Direction }[]
}

const METRICS = 3
const MOST_COMPARED = 100

export default function Model({ params: { name = '' } }: PageProps) {
  return <ModelPage key={name} name={name} />
}

function ModelPage({ name }: { name: string }) {
  const found = useResource<ModelAnswer>('registry/model', modelQuery(name))
  useRegistry(found.reload)
  const answer = found.data
  return (
    <>
      {answer ? <Room name={name} answer={answer} found={found} /> : (
        <>
          <Bar place={<><a class="i3" href={href('/models')}>models</a><span class="sep">/</span><h1>{name}</h1></>} />
          <div class="scroll dots">
            {found.error && (found.error.status === 404 ? <Nothing title="There is no such model">{found.error.message} <a class="link" href={href('/models')}>All models</a></Nothing> : <Failed what="The model could not be read" error={found.error} retry={found.reload} />)}
          </div>
          <Foot />
        </>
      )}
    </>
  )
}

/** What of a model is shown, with aliases as they are about to be. */
function useModel(answer: ModelAnswer) {
  const [over, setOver] = useState<Record<string, string | null>>()
  const known = useMemo(() => new Map([...answer.versions, ...answer.aliased].map((version) => [version.version, version])), [answer])
  useEffect(() => setOver(undefined), [answer])
  const aliases = useMemo(() => {
    const now = { ...Object.fromEntries((answer.model.aliases ?? []).map((each) => [each.alias, each.version])), ...over }
    return Object.entries(now).filter((pair): pair is [string, string] => pair[1] !== null).sort(([a], [b]) => byRank(a, b))
  }, [answer, over])
  const lanes = useMemo(() => lanesOf(answer.changes, !answer.more_changes), [answer])
  const runOf = (version: string | undefined): Run | undefined => answer.runs[known.get(version ?? '')?.run_id ?? '']
  const ids = [...new Set([...known.values()].sort((a, b) => Number(b.version) - Number(a.version)).map((version) => version.run_id).filter((id) => id in answer.runs))]
  useEffect(() => give(ids), [ids.join()])
  const compared = useResource<Compared>(ids.length ? 'runs/compare' : null, { run_ids: ids.slice(0, MOST_COMPARED), kinds: ['metrics'], limit: 500 })
  const headline = compared.data?.headline ?? headlineOf(Object.values(answer.runs))
  const directions = new Map(compared.data?.rows.map((row) => [row.column.slice('metrics.'.length), row.direction]))
  return { known, aliases, lanes, runOf, headline, directions, show: setOver }
}

export type Shown = ReturnType<typeof useModel>

function Room({ name, answer, found }: { name: string; answer: ModelAnswer; found: Resource<ModelAnswer> }) {
  const model = useModel(answer)
  const { known, aliases, lanes, runOf, headline } = model
  const q = param('q')
  const rows = answer.versions.filter((version) => !q || fits(version, runOf(version.version), q))
  const chosen = param('at')
  const version = known.get(chosen)
  const moving = param('move')
  const [kind, key] = moving.startsWith('stage:') ? (['stage', moving.slice(6)] as const) : (['alias', moving] as const)
  const stages = param('stages') === '1' || answer.versions.some((each) => each.current_stage !== answer.stages[0])
  const listed = param('history') === 'list'
  const picked = listParam('pick')
  const [menu, setMenu] = useState<Element>()
  const [asking, setAsking] = useState<'version' | 'rename' | 'delete'>()
  const metrics = metricsOf(Object.values(answer.runs), headline, METRICS)
  const at = rows.findIndex((each) => each.version === chosen)
  const choose = (next: string) => setQuery({ at: next || null, move: null }, { replace: true })
  const step = (by: number) => () => { const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))]; if (next) choose(next.version) }
  const pick = (each: string) => setQuery({ pick: asList(picked.includes(each) ? picked.filter((other) => other !== each) : [...picked, each]) }, { replace: true })
  const compare = () => compareVersions(picked.length > 1 ? picked : [...new Set([aliases[0]?.[1], chosen].filter((each): each is string => Boolean(each)))], known)
  const write = may('write')
  const needs = !version && 'a version under the cursor (j)'
  const openMenu = () => { if (version) setMenu(document.querySelector('.mod-acts button') ?? document.body) }
  useKeys('Model', {
    j: { does: 'Next version', run: step(1), quiet: true }, k: { does: 'Previous version', run: step(-1), quiet: true },
    ArrowDown: { does: 'Next version', run: step(1), quiet: true }, ArrowUp: { does: 'Previous version', run: step(-1), quiet: true },
    Enter: { does: 'Open the version', run: () => navigate(versionPath(name, chosen)), needs },
    Space: { does: 'Pick the version', run: () => pick(chosen), needs },
    c: { does: 'Compare the versions', run: compare, needs: picked.length < 2 && !version && 'two picked versions (j, space)' },
    m: write ? { does: 'Move an alias or a stage to the version', run: openMenu, needs } : undefined,
    s: { does: stages ? 'Hide stages' : 'Show stages', run: () => setQuery({ stages: param('stages') === '1' ? null : '1' }) },
    h: { does: 'History as lanes or as a list', run: () => setQuery({ history: listed ? null : 'list' }) },
    n: write ? { does: 'New version', run: () => setAsking('version') } : undefined,
    'Shift+N': write ? { does: 'Rename the model', run: () => setAsking('rename') } : undefined,
    Backspace: may('delete') ? { does: 'Delete the model', run: () => setAsking('delete') } : undefined,
    Escape: chosen ? { does: 'Leave the version', run: () => choose(''), quiet: true } : undefined,
  })
  const move = (wanted: Move) => {
    setQuery({ move: null }, { replace: true })
    void (wanted.kind === 'alias' ? moveAlias(wanted, model.show, found.reload) : moveStage(wanted, found.reload))
  }
  const moves = answer.changes.filter((change) => change.kind === 'alias')
  const held = kind === 'alias' ? known.get(aliases.find(([alias]) => alias === key)?.[1] ?? '') : undefined
  return (
    <>
      <Bar place={<><a class="i3" href={href('/models')}>models</a><span class="sep">/</span><h1>{name}</h1></>}
        right={<><button class="btn flat" aria-pressed={stages} onClick={() => setQuery({ stages: param('stages') === '1' ? null : '1' })}>stages<kbd>s</kbd></button>{write && <button class="btn flat" onClick={() => setAsking('version')}>new version<kbd>n</kbd></button>}</>}>
        <Find label="Find a version" placeholder="version, alias, tag or run" />
      </Bar>
      {found.error && <Failed what="The model could not be read anew" error={found.error} still="What is shown is what was read before." retry={found.reload} />}
      <div class="mod-page">
        {aliases.length > 0 && <Heads name={name} model={model} choose={choose} />}
        {moves.length > 0 && (
          <>
            <div class="cap"><h2>{listed ? 'History' : 'Alias history'}</h2><span class="m i3">{plural(moves.length, 'move')} since <Day at={moves.at(-1)!.timestamp} /></span><span class="x" /><button class="btn flat" onClick={() => setQuery({ history: listed ? null : 'list' })}>{listed ? 'as lanes' : 'as a list'}<kbd>h</kbd></button></div>
            {listed ? <div class="mod-listed" tabIndex={0} role="region" aria-label="History"><History changes={answer.changes} more={answer.more_changes} /></div> : <Lanes lanes={lanes} runOf={runOf} on={chosen} choose={choose} />}
          </>
        )}
        <div class="cols">
          <div class="dots">
            {rows.length > 0 ? <Versions name={name} rows={rows} model={model} runs={answer.runs} metrics={metrics} stages={stages} chosen={chosen} picked={picked} choose={choose} pick={pick} />
              : answer.versions.length ? <Nothing title="No version fits"><button class="link" onClick={() => setQuery({ q: null })}>Take the words away</button></Nothing>
              : <Nothing title="No versions yet">Register one from a run’s page, with code, or {write ? <button class="link" onClick={() => setAsking('version')}>by the address of its files</button> : 'by somebody who may write'}.</Nothing>}
          </div>
          <aside aria-label={version ? `Version ${version.version}` : 'About the model'}>
            {version && moving && key && write ? <MovePanel key={`${moving} ${chosen}`} kind={kind} name={key} version={version} run={runOf(chosen)} held={held} heldRun={runOf(held?.version)} rules={answer} inStage={answer.versions.filter((each) => each.current_stage === key && each.version !== chosen)} does={move} close={() => setQuery({ move: null }, { replace: true })} />
              : <About name={name} answer={answer} model={model} version={version} run={runOf(chosen)} found={found} menu={setMenu} ask={setAsking} />}
          </aside>
        </div>
      </div>
      <Foot right={<><span class="k k2"><kbd>j</kbd> <kbd>k</kbd> a version{write && <>, then <kbd>m</kbd> move</>}, <kbd>space</kbd> pick</span>{param('page') && <button class="k" onClick={() => history.back()}>newer versions</button>}{answer.next_page_token && <button class="k" onClick={() => setQuery({ page: answer.next_page_token })}>older versions</button>}</>}>
        {picked.length > 0 ? <span class="acts">[{picked.length} picked] <button onClick={compare}>compare<kbd>c</kbd></button><button onClick={() => setQuery({ pick: null })}>none</button></span> : <span>{plural(rows.length, 'version')}{answer.next_page_token && ', and older ones'}</span>}
      </Foot>
      {menu && version && <AliasMenu at={menu} version={version} aliases={aliases} rules={answer} close={() => setMenu(undefined)} move={(to) => setQuery({ at: chosen, move: to })} />}
      {asking === 'version' && <NewVersion name={name} done={(made) => { found.reload(); choose(made.version) }} close={() => setAsking(undefined)} />}
      {asking === 'rename' && <Ask title={`Rename ${name}`} button="Rename" fields={[{ name: 'name', label: 'Name', value: name }]} does={(given) => given.name !== name && void rename(name, given.name!, (next) => navigate(modelPath(next), { replace: true }))} close={() => setAsking(undefined)}>What loads the model by its old name will not find it.</Ask>}
      {asking === 'delete' && <Confirm title="Delete the model" name={name} close={() => setAsking(undefined)} does={() => void deleteModel(name).then((done) => done && navigate('/models', { replace: true }))}>All {plural(answer.versions.length, 'version')} and the aliases go. The files and the runs stay, and so does the history.</Confirm>}
    </>
  )
}

export function compareVersions(versions: readonly string[], known: ReadonlyMap<string, Version>): void {
  const found = versions.map((each) => known.get(each)).filter((each): each is Version => Boolean(each?.run_id))
  if (found.length) navigate(`/compare${asSearch({ runs: asList(found.map((each) => each.run_id)), models: asList(found.map((each) => `${each.name}/${each.version}`)) })}`)
}

/** The headline: each alias, its version, and its number. */
function Heads({ name, model, choose }: { name: string; model: Shown; choose: (version: string) => void }) {
  const { aliases, known, runOf, headline, directions, lanes } = model
  const values = aliases.map(([, version]) => metric(runOf(version), headline))
  const format = columnOf(values)
  const first = values[0] ?? null
  return (
    <section class="mod-heads" aria-label="Aliases">
      {aliases.map(([alias, version], i) => {
        const since = lanes.find((lane) => lane.alias === alias)?.segments.at(-1)
        const value = values[i] ?? null
        const sign = better(directions.get(headline ?? '') ?? 'max', value, first)
        return (
          <div key={alias}>
            <div class="v"><b class="cut" title={alias}>{alias}</b><Arrow /><a href={href(versionPath(name, version))} onClick={(event) => { if (!event.metaKey && !event.ctrlKey) { event.preventDefault(); choose(version) } }}>v{version}</a>{headline && value !== null && <span class="big" title={exact(value)}><small title={headline}>{headline}</small><span>{format(value)}</span></span>}</div>
            <div class="d"><RunLink run={runOf(version)} id={known.get(version)?.run_id} />{i > 0 && value !== null && first !== null && <span class={sign === 1 ? 'ok' : sign === -1 ? 'bad' : ''} title={`against ${aliases[0]![0]}`}>{value === first ? 'same' : signed(value - first, format)}</span>}{since && since.to === null && <span class="cut">since <Day at={since.from} />{since.move?.user && ` by ${since.move.user}`}</span>}</div>
          </div>
        )
      })}
    </section>
  )
}

function NewVersion({ name, done, close }: { name: string; done: (version: Version) => void; close: () => void }) {
  return (
    <Ask title={`New version of ${name}`} button="Register" close={close}
      fields={[{ name: 'source', label: 'Files', value: param('source'), placeholder: 'runs:/RUN/model or models:/m-ID' }, { name: 'run', label: 'Run', value: param('run'), required: false, placeholder: 'the run’s id, where the address does not name it' }, { name: 'description', label: 'Description, in markdown', long: true, required: false }]}
      does={({ source, run, description }) => void createVersion(name, source!.trim(), run!.trim(), description!).then((made) => made && done(made.model_version))} />
  )
}
