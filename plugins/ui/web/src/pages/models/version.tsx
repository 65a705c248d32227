/** One version: what it comes from, what it takes and gives, who approved it, and where it went. */
import { useEffect, useState } from 'preact/hooks'
import { fetchRaw, num } from '../../core/api'
import { copy } from '../../core/copy'
import { columnOf, exact } from '../../core/format'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { useRegistry } from '../../core/events'
import { type Resource, useResource } from '../../core/resource'
import { href, may } from '../../core/root'
import { navigate, type PageProps, param, setQuery } from '../../core/router'
import { Bar } from '../../parts/bar'
import { Confirm } from '../../parts/dialog'
import { Foot } from '../../parts/foot'
import { Failed, Nothing } from '../../parts/states'
import { SignatureTable } from '../../parts/signature-table'
import { type Signature, signatureOf } from '../../parts/signature'
import { Ago } from '../../parts/time'
import type { ModelAnswer, Version, VersionAnswer } from '../../parts/registry/answers'
import { Alias, Description, History, modelPath, RunLink, Section, Tags, versionPath } from '../../parts/registry/bits'
import { approve, author, deleteVersion, isKnown, moveAlias, moveStage, removeAlias } from '../../parts/registry/edits'
import { gatesOf } from '../../parts/registry/figures'
import { Lineage } from './lineage'
import { AliasMenu, MovePanel } from '../../parts/registry/later'
import '../../parts/registry/registry.css'

export default function ModelVersion({ params: { name = '', version = '' } }: PageProps) {
  return <VersionPage key={`${name}/${version}`} name={name} version={version} />
}

function VersionPage({ name, version }: { name: string; version: string }) {
  const found = useResource<VersionAnswer>('registry/version', { name, version })
  // Where the aliases are, and who else is in a stage; remembered from the model's page.
  const model = useResource<ModelAnswer>('registry/model', { name })
  const answer = found.data
  useRegistry(() => { found.reload(); model.reload() })
  useKeys('Version', { u: { does: 'Up to the model', run: () => navigate(modelPath(name)) } })
  return (
    <>
      <Bar place={<><a class="i3" href={href('/models')}>models</a><span class="sep">/</span><a class="i3" href={href(modelPath(name))}>{name}</a><span class="sep">/</span><h1>v{version}</h1></>} right={answer && <Neighbours name={name} version={version} model={model.data} />} />
      {found.error && answer && <Failed what="The version could not be read anew" error={found.error} still="What is shown is what was read before." retry={found.reload} />}
      {!answer && <div class="scroll dots">{found.error && (found.error.status === 404 ? <Nothing title="There is no such version">{found.error.message} <a class="link" href={href(modelPath(name))}>The model</a></Nothing> : <Failed what="The version could not be read" error={found.error} retry={found.reload} />)}</div>}
      {answer && <Body answer={answer} found={found} model={model} />}
    </>
  )
}

function Neighbours({ name, version, model }: { name: string; version: string; model: ModelAnswer | undefined }) {
  const numbers = (model?.versions ?? []).map((each) => Number(each.version)).sort((a, b) => a - b)
  const at = numbers.indexOf(Number(version))
  const go = (to: number | undefined) => to !== undefined && navigate(versionPath(name, String(to)))
  useKeys('Version', { '[': { does: 'Previous version', run: () => void go(numbers[at - 1]), needs: at <= 0 && 'an earlier version' }, ']': { does: 'Next version', run: () => void go(numbers[at + 1]), needs: (at < 0 || at >= numbers.length - 1) && 'a later version' } })
  return <span class="m i3 nw">{at > 0 && <button onClick={() => go(numbers[at - 1])}>v{numbers[at - 1]}<kbd>[</kbd></button>} {at >= 0 && at < numbers.length - 1 && <button onClick={() => go(numbers[at + 1])}>v{numbers[at + 1]}<kbd>]</kbd></button>}</span>
}

function Body({ answer, found, model }: { answer: VersionAnswer; found: Resource<VersionAnswer>; model: Resource<ModelAnswer> }) {
  const { version, run, logged_model: logged } = answer
  const { name } = version
  const [over, setOver] = useState<Record<string, string | null>>()
  const [menu, setMenu] = useState<Element>()
  const [deleting, setDeleting] = useState(false)
  const signature = useSignature(version)
  useEffect(() => { if (run) give([run.run_id]) }, [run?.run_id])
  useEffect(() => setOver(undefined), [answer])
  const all = { ...Object.fromEntries((model.data?.model.aliases ?? []).map((each) => [each.alias, each.version])), ...over }
  const aliases = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== null)
  const mine = model.data ? aliases.filter(([, held]) => held === version.version).map(([alias]) => alias) : (version.aliases ?? [])
  const renew = () => { found.reload(); model.reload() }
  const moving = param('move')
  const [kind, key] = moving.startsWith('stage:') ? (['stage', moving.slice(6)] as const) : (['alias', moving] as const)
  const held = model.data?.aliased.find((each) => each.version === all[key])
  const write = may('write')
  const champion = aliases.find(([, other]) => other !== version.version)
  const other = model.data?.aliased.find((each) => each.version === champion?.[1])
  const compare = () => { if (run && other?.run_id) navigate(`/compare?runs=${other.run_id},${run.run_id}&models=${encodeURIComponent(`${name}/${other.version},${name}/${version.version}`)}`) }
  useKeys('Version', {
    m: write ? { does: 'Move an alias or a stage here', run: () => setMenu(document.querySelector('.mod-acts button') ?? document.body) } : undefined,
    c: run && other?.run_id ? { does: `Compare with ${champion![0]}`, run: compare } : undefined,
    y: { does: 'Copy the address', run: () => void copy(`models:/${name}/${version.version}`, 'address copied') },
    Backspace: may('delete') ? { does: 'Delete the version', run: () => setDeleting(true) } : undefined,
  })
  const target = { name, version: version.version }
  const metrics = { ...run?.metrics, ...logged?.metrics }
  return (
    <>
      <div class="mod-page">
        <section class="mod-title">
          <div class="v"><b class="cut" title={name}>{name}</b> v{version.version} {mine.map((alias) => <Alias key={alias} name={alias} />)}</div>
          <div class="d"><RunLink run={run ?? undefined} id={version.run_id} /><span class="i2">registered <Ago at={version.creation_timestamp} />{version.user_id && ` by ${version.user_id}`}{version.current_stage && version.current_stage !== 'None' && `, stage ${version.current_stage}`}{version.status !== 'READY' && <span class="bad">, {version.status.toLowerCase().replace(/_/g, ' ')} {version.status_message}</span>}</span></div>
          <div class="mod-acts">
            {write && <button class="btn main" aria-haspopup="menu" onClick={(event) => setMenu(event.currentTarget)}>Move an alias here<kbd>m</kbd></button>}
            {run && other?.run_id && <button class="btn" onClick={compare}>Compare with {champion![0]}<kbd>c</kbd></button>}
            <button class="btn" onClick={() => void copy(`models:/${name}/${version.version}`, 'address copied')}>Copy address<kbd>y</kbd></button>
            {may('delete') && <button class="btn danger" onClick={() => setDeleting(true)}>Delete<kbd>del</kbd></button>}
          </div>
        </section>
        <section class="mod-band" aria-label="Lineage"><Lineage data={run?.data ?? []} run={run ?? undefined} version={version} aliases={mine} logged={logged} copies={answer.copies} users={answer.users} /></section>
        <div class="cols">
          <div class="mod-main">
            <Section title="Description"><Description target={target} text={version.description} renew={renew} /></Section>
            <Section title="Tags"><Tags target={target} tags={version.tags ?? []} renew={renew} /></Section>
            <Section title="Signature">{signature === undefined ? <p class="i3">Reading…</p> : signature === null ? <p class="i3">The files of this version have none, or the server cannot read them.</p> : <SignatureTable signature={signature} />}</Section>
            <Section title="Metrics" right={run && <a class="link" href={href(`/runs/${run.run_id}?tab=metrics`)}>curves</a>}><Numbers metrics={metrics} /></Section>
            <Section title="Files"><p class="m"><Files version={version} logged={logged?.model_id} /></p></Section>
          </div>
          <aside aria-label="Approvals and history">
            {moving && key && write ? <MovePanel key={moving} kind={kind} name={key} version={version} run={run ?? undefined} held={kind === 'alias' ? held : undefined} heldRun={model.data?.runs[held?.run_id ?? '']} rules={answer} inStage={(model.data?.versions ?? []).filter((each) => each.current_stage === key && each.version !== version.version)} close={() => setQuery({ move: null }, { replace: true })}
              does={(wanted) => { setQuery({ move: null }, { replace: true }); void (wanted.kind === 'alias' ? moveAlias(wanted, setOver, renew) : moveStage(wanted, renew)) }} /> : (
              <>
                <Approvals answer={answer} renew={renew} />
                {mine.length > 0 && write && <Section title="Aliases"><ul class="mod-held">{mine.map((alias) => <li key={alias}><Alias name={alias} /><span class="x" /><button class="link" onClick={() => void removeAlias(name, alias, version.version, setOver, renew)}>remove</button></li>)}</ul></Section>}
                <Section title="History"><History changes={answer.changes} /></Section>
              </>
            )}
          </aside>
        </div>
      </div>
      <Foot><span class="k">models:/{name}/{version.version}</span></Foot>
      {menu && <AliasMenu at={menu} version={version} aliases={aliases} rules={answer} close={() => setMenu(undefined)} move={(to) => setQuery({ move: to })} />}
      {deleting && <Confirm title="Delete the version" name={`${name}/${version.version}`} close={() => setDeleting(false)} does={() => void deleteVersion(version).then((done) => done && navigate(modelPath(name), { replace: true }))}>{mine.length > 0 ? `The aliases ${mine.join(', ')} go with it. ` : ''}The files and the run stay.</Confirm>}
    </>
  )
}

/** The signature in the file of the version: null if there is none. */
function useSignature(version: Version): Signature | null | undefined {
  const [found, setFound] = useState<Signature | null>()
  useEffect(() => {
    const abort = new AbortController()
    readSignature(version.name, version.version, abort.signal).then(setFound, () => { if (!abort.signal.aborted) setFound(null) })
    return () => abort.abort()
  }, [version.name, version.version])
  return found
}

async function readSignature(name: string, version: string, signal: AbortSignal): Promise<Signature | null> {
  const answer = await fetchRaw('/model-versions/get-artifact', { name, version, path: 'MLmodel' }, { signal })
  return signatureOf(await answer.text()) ?? null
}

function Numbers({ metrics }: { metrics: Record<string, unknown> }) {
  const all = Object.entries(metrics).map(([key, value]) => [key, num(value as number)] as const)
  if (!all.length) return <p class="i3">No metrics are known.</p>
  return <dl class="kv">{all.flatMap(([key, value]) => [<dt key={`${key} k`} title={key}>{key}</dt>, <dd key={key} title={exact(value)}>{columnOf([value], { zero: true })(value)}</dd>])}</dl>
}

function Files({ version, logged }: { version: Version; logged: string | undefined }) {
  const ofRun = /^(?:runs:\/[\w-]+|.*\/[\w-]+\/artifacts)\/(.+)$/.exec(version.source)
  if (logged) return <a class="link" href={href(`/logged-models/${logged}`)}>{version.source}</a>
  if (version.run_id && ofRun) return <a class="link" href={href(`/runs/${version.run_id}?tab=artifacts&path=${encodeURIComponent(ofRun[1]!)}`)}>{version.source}</a>
  return <>{version.source || '–'}</>
}

/** Who approved it for what; what still asks for an approval. */
function Approvals({ answer, renew }: { answer: VersionAnswer; renew: () => void }) {
  const { version, changes } = answer
  const last = new Map<string, { key: string; user: string; on: boolean; at: number }>()
  for (const change of [...changes].filter((each) => each.kind === 'approval').sort((a, b) => a.number - b.number)) {
    const [key, user] = [change.key ?? '', change.user ?? '']
    last.set(`${key}\n${user}`, { key, user, on: change.after !== undefined, at: change.timestamp })
  }
  const given = [...last.values()].filter((each) => each.on)
  const keys = [...new Set([...Object.keys(answer.gates).filter((key) => key !== '*'), ...given.map((each) => each.key)])]
  const asked = keys.filter((key) => gatesOf(answer, key).length || given.some((each) => each.key === key))
  if (!asked.length) return null
  const me = author()
  return (
    <Section title="Approvals and gates">
      <ul class="mod-approvals">
        {asked.map((key) => {
          const those = given.filter((each) => each.key === key)
          const gates = gatesOf(answer, key)
          const isMine = those.some((each) => each.user === me)
          return (
            <li key={key}>
              <div><Alias name={key} /> <span class="i3">{gates.length ? `needs ${gates.join(', ')}` : 'needs nothing'}</span></div>
              {those.map((each) => <p key={each.user}><span class="ok">approved</span> by {each.user} <Ago at={each.at} /></p>)}
              {gates.includes('approval') && those.length < answer.approvals_needed && <p class="i2">{those.length} of {answer.approvals_needed} approvals; its author’s does not count.</p>}
              {may('write') && me && (isMine ? <button class="link" onClick={() => void approve(version, key, false, renew)}>take my approval back</button> : me !== version.user_id && gates.includes('approval') && <button class="link" onClick={() => void approve(version, key, true, renew)}>approve as {me}</button>)}
              {may('write') && !me && !isKnown() && gates.includes('approval') && <p class="i3">Say who you are when you move an alias; then you can approve here.</p>}
            </li>
          )
        })}
      </ul>
    </Section>
  )
}
