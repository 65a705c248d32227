/** One prompt: where its aliases point, how they came there, its versions, what they say, who uses them and how well. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { copy } from '../../core/copy'
import { useRegistry } from '../../core/events'
import { plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { type Resource, useResource } from '../../core/resource'
import { about, href, may } from '../../core/root'
import { hasRoute, navigate, type PageProps, param, setQuery } from '../../core/router'
import { Bar } from '../../parts/bar'
import { Confirm } from '../../parts/dialog'
import { Foot } from '../../parts/foot'
import { Arrow } from '../../parts/icon'
import { playPath, promptQuery } from '../../parts/prompt/scope'
import { templateOf } from '../../parts/prompt/template'
import { TemplateDiff, TemplateText } from '../../parts/prompt/text'
import type { ModelAnswer, Version } from '../../parts/registry/answers'
import { lazily } from '../../parts/lazy'
import { Day, Find, History } from '../../parts/registry/bits'
import { deleteModel, type Move, moveAlias } from '../../parts/registry/edits'
import { byRank, fits, lanesOf } from '../../parts/registry/figures'
import { Lanes } from '../../parts/registry/lanes'
import { AliasMenu, MovePanel } from '../../parts/registry/later'
import { Failed, Nothing } from '../../parts/states'
import { About } from './about'
import { figuresOf, type Gateway, servedBy, sharesOf, type UsesAnswer } from './answers'
import { Changed, valueOf } from './figures'
import type { RefusedProps, TestsProps } from './tests'
import type { Outcome, TestsAnswer } from '../../parts/prompt/tests'
import { Versions } from './versions'
import '../../parts/registry/registry.css'
import './page.css'

const SCORES = 2
const Tests = lazily<TestsProps>('The tests', () => import('./tests'))
const Refused = lazily<RefusedProps>('What failed', () => import('./tests').then((module) => ({ default: module.Refused })))

export default function Prompt({ params: { name = '' } }: PageProps) {
  return <PromptPage key={name} name={name} />
}

function PromptPage({ name }: { name: string }) {
  const found = useResource<ModelAnswer>('registry/model', promptQuery(name, param('page')))
  useRegistry(found.reload)
  if (found.data) return <Room name={name} answer={found.data} found={found} />
  return (
    <>
      <Bar place={<><a class="i3" href={href('/prompts')}>prompts</a><span class="sep">/</span><h1>{name}</h1></>} />
      <div class="scroll dots">
        {found.error && (found.error.status === 404 ? <Nothing title="There is no such prompt">{found.error.message} <a class="link" href={href('/prompts')}>All prompts</a></Nothing> : <Failed what="The prompt could not be read" error={found.error} retry={found.reload} />)}
      </div>
      <Foot />
    </>
  )
}

/** What of a prompt is shown, with aliases as they are about to be. */
function usePrompt(answer: ModelAnswer) {
  const [over, show] = useState<Record<string, string | null>>()
  useEffect(() => show(undefined), [answer])
  const aliases = useMemo(() => {
    const now = { ...Object.fromEntries((answer.model.aliases ?? []).map((each) => [each.alias, each.version])), ...over }
    return Object.entries(now).filter((pair): pair is [string, string] => pair[1] !== null).sort(([a], [b]) => byRank(a, b))
  }, [answer, over])
  const known = useMemo(() => new Map([...answer.versions, ...answer.aliased].map((version) => [version.version, version])), [answer])
  const lanes = useMemo(() => lanesOf(answer.changes, !answer.more_changes), [answer])
  const numbers = [...known.keys()].sort((a, b) => Number(b) - Number(a))
  const uses = useResource<UsesAnswer>(numbers.length ? 'ui/prompt-uses' : null, { name: answer.model.name, versions: numbers.slice(0, 50) })
  const gateway = useResource<Gateway>(about.features.includes('gateway') ? 'gateway/summary' : null, { span: '1h' })
  const served = (version: string) => servedBy(gateway.data, answer.model.name, version, aliases, numbers[0] ?? '')
  const tests = useResource<TestsAnswer>(about.features.includes('evaluation') ? 'prompts/tests' : null, { name: answer.model.name, versions: numbers.slice(0, 50) })
  return { known, aliases, lanes, show, uses, served, tests, numbers, gateway, figures: figuresOf(uses.data, SCORES) }
}

export type Shown = ReturnType<typeof usePrompt>

function Room({ name, answer, found }: { name: string; answer: ModelAnswer; found: Resource<ModelAnswer> }) {
  const prompt = usePrompt(answer)
  const { known, aliases, lanes, uses, figures } = prompt
  const q = param('q')
  const rows = answer.versions.filter((version) => !q || fits(version, undefined, q) || version.tags?.find((tag) => tag.key === 'mlflow.prompt.text')?.value.toLowerCase().includes(q.toLowerCase()))
  const chosen = param('at')
  const version = known.get(chosen)
  const shown = version ?? rows[0]
  const moving = param('move')
  const listed = param('history') === 'list'
  const against = usedWith(shown, aliases, known, param('with'))
  const comparing = param('diff') === '1' && against !== undefined
  const [menu, setMenu] = useState<Element>()
  const [deleting, setDeleting] = useState(false)
  const at = rows.findIndex((each) => each.version === chosen)
  const choose = (next: string) => setQuery({ at: next || null, move: null }, { replace: true })
  const step = (by: number) => () => { const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))]; if (next) choose(next.version) }
  const write = may('write')
  const canPlay = hasRoute('/playground')
  const needs = !version && 'a version under the cursor (j)'
  const openMenu = () => { if (version) setMenu(document.querySelector('.mod-acts button') ?? document.body) }
  const play = () => navigate(playPath(name, shown?.version))
  useKeys('Prompt', {
    j: { does: 'Next version', run: step(1), quiet: true }, k: { does: 'Previous version', run: step(-1), quiet: true },
    ArrowDown: { does: 'Next version', run: step(1), quiet: true }, ArrowUp: { does: 'Previous version', run: step(-1), quiet: true },
    p: canPlay ? { does: 'Try the version in the playground', run: play, needs: !shown && 'a version' } : undefined,
    x: { does: 'Differences from the version in use, or not', run: () => setQuery({ diff: comparing ? null : '1' }), needs: !against && 'another version' },
    m: write ? { does: 'Move an alias to the version', run: openMenu, needs } : undefined,
    h: { does: 'History as lanes or as a list', run: () => setQuery({ history: listed ? null : 'list' }) },
    y: { does: 'Copy the address', run: () => void copy(`prompts:/${name}/${shown?.version}`, 'address copied'), needs: !shown && 'a version' },
    Backspace: may('delete') ? { does: 'Delete the prompt', run: () => setDeleting(true) } : undefined,
    Escape: chosen ? { does: 'Leave the version', run: () => choose(''), quiet: true } : undefined,
  })
  const move = (wanted: Move) => { setQuery({ move: null }, { replace: true }); void moveAlias(wanted, prompt.show, found.reload) }
  const moves = answer.changes.filter((change) => change.kind === 'alias')
  const held = known.get(aliases.find(([alias]) => alias === moving)?.[1] ?? '')
  const rules = { ...answer, stages: [] }
  return (
    <>
      <Bar place={<><a class="i3" href={href('/prompts')}>prompts</a><span class="sep">/</span><h1>{name}</h1></>} right={canPlay && <button class="btn flat" onClick={play}>playground<kbd>p</kbd></button>}>
        <Find label="Find a version" placeholder="version, alias, tag or text" />
      </Bar>
      {found.error && <Failed what="The prompt could not be read anew" error={found.error} still="What is shown is what was read before." retry={found.reload} />}
      <div class="mod-page">
        {aliases.length > 0 && <Heads prompt={prompt} tags={answer.model.tags} choose={choose} />}
        {moves.length > 0 && (
          <>
            <div class="cap"><h2>{listed ? 'History' : 'Alias history'}</h2><span class="m i3">{plural(moves.length, 'move')} since <Day at={moves.at(-1)!.timestamp} /></span><span class="x" /><button class="btn flat" onClick={() => setQuery({ history: listed ? null : 'list' })}>{listed ? 'as lanes' : 'as a list'}<kbd>h</kbd></button></div>
            {listed ? <div class="mod-listed" tabIndex={0} role="region" aria-label="History"><History changes={answer.changes} more={answer.more_changes} /></div> : <Lanes lanes={lanes} runOf={() => undefined} slotFor={(each) => (Number(each) - 1) % 10} on={chosen} choose={choose} />}
          </>
        )}
        <div class="cols">
          <div class="dots">
            {rows.length > 0 ? <Versions rows={rows} prompt={prompt} chosen={chosen} choose={choose} />
              : answer.versions.length ? <Nothing title="No version fits"><button class="link" onClick={() => setQuery({ q: null })}>Take the words away</button></Nothing>
              : <Nothing title="No versions yet">{canPlay && write ? <a class="link" href={href(playPath(name))}>Write one in the playground</a> : 'Somebody who may write registers one.'}</Nothing>}
            {shown && rows.length > 0 && <Text version={shown} against={against} comparing={comparing} all={[...known.values()]} aliases={aliases} />}
            {about.features.includes('evaluation') && <Tests name={name} versions={prompt.numbers} shown={shown?.version ?? ''} found={prompt.tests} gateway={prompt.gateway.data} gates={answer.gates} />}
            {uses.error && <Failed what="Who uses it could not be read" error={uses.error} still="The prompt and its history are shown." retry={uses.reload} />}
          </div>
          <aside aria-label={version ? `Version ${version.version}` : 'About the prompt'}>
            {version && moving && write
              ? <MovePanel key={`${moving} ${chosen}`} kind="alias" name={moving} version={version} run={undefined} held={held} heldRun={undefined} rules={rules} inStage={[]} does={move} anew={testedAs(prompt.tests.data?.versions[version.version])}
                  told={(gate) => gate === 'prompt-tests' && about.features.includes('evaluation') && <Refused version={version.version} found={prompt.tests} />} close={() => setQuery({ move: null }, { replace: true })}
                  changes={<Changed before={held && uses.data?.versions[held.version]} after={uses.data?.versions[version.version]} figures={figures} see={held && (() => setQuery({ diff: '1', with: held.version }, { replace: true }))} />} />
              : <About name={name} answer={answer} prompt={prompt} version={version} found={found} menu={setMenu} remove={() => setDeleting(true)} />}
          </aside>
        </div>
      </div>
      <Foot right={<><span class="k k2"><kbd>j</kbd> <kbd>k</kbd> a version{write && <>, then <kbd>m</kbd> move</>}, <kbd>x</kbd> differences</span>{param('page') && <button class="k" onClick={() => history.back()}>newer versions</button>}{answer.next_page_token && <button class="k" onClick={() => setQuery({ page: answer.next_page_token })}>older versions</button>}</>}>
        <span>{plural(rows.length, 'version')}{answer.next_page_token && ', and older ones'}</span>
      </Foot>
      {menu && version && <AliasMenu at={menu} version={version} aliases={aliases} rules={rules} close={() => setMenu(undefined)} move={(to) => setQuery({ at: chosen, move: to })} />}
      {deleting && <Confirm title="Delete the prompt" name={name} close={() => setDeleting(false)} does={() => void deleteModel(name).then((done) => done && navigate('/prompts', { replace: true }))}>All its versions and aliases go; what loads it fails. The runs and the history stay.</Confirm>}
    </>
  )
}

/** What is another when the gate of tests may say something else. */
const testedAs = (outcome: Outcome | undefined): string => (!outcome || outcome.state === 'untested' ? '' : `${outcome.state} ${outcome.run_id}`)

/** What a version is compared with: the one that was asked for, else that of the first alias, else the one before it. */
function usedWith(shown: Version | undefined, aliases: readonly (readonly [string, string])[], known: ReadonlyMap<string, Version>, asked: string): { version: Version; title: string } | undefined {
  if (!shown) return undefined
  const title = (version: string) => [`v${version}`, ...aliases.filter(([, held]) => held === version).map(([alias]) => alias)].join(' ')
  const before = [...known.keys()].map(Number).filter((each) => each < Number(shown.version)).sort((a, b) => b - a)[0]
  for (const each of [asked, aliases[0]?.[1], String(before ?? ''), aliases[1]?.[1]]) {
    const found = each && each !== shown.version ? known.get(each) : undefined
    if (found) return { version: found, title: title(found.version) }
  }
  return undefined
}

/** The headline: each alias, its version, and how well that does. */
function Heads({ prompt, tags, choose }: { prompt: Shown; tags: ModelAnswer['model']['tags']; choose: (version: string) => void }) {
  const { aliases, lanes, figures, uses, known } = prompt
  const [first] = figures
  return (
    <section class="mod-heads" aria-label="Aliases">
      {aliases.map(([alias, version]) => {
        const since = lanes.find((lane) => lane.alias === alias)?.segments.at(-1)
        const value = first?.of(uses.data?.versions[version]) ?? null
        const shares = sharesOf(tags, alias)
        return (
          <div key={alias}>
            <div class="v"><b class="cut" title={alias}>{alias}</b><Arrow /><button onClick={() => choose(version)}>v{version}</button>{first && value !== null && <span class="big"><small>{first.key}</small> {valueOf(first, value)}</span>}</div>
            <div class="d">{shares && <span class="cut" title="A caller who says for whom always gets the same version; all others get that of the alias.">shared: {shares}</span>}<span class="cut">{known.get(version)?.description || 'no note'}</span>{since && since.to === null && <span class="cut">since <Day at={since.from} />{since.move?.user && ` by ${since.move.user}`}</span>}</div>
          </div>
        )
      })}
    </section>
  )
}

/** What a version says, or how it differs. */
function Text({ version, against, comparing, all, aliases }: { version: Version; against: { version: Version; title: string } | undefined; comparing: boolean; all: readonly Version[]; aliases: readonly (readonly [string, string])[] }) {
  const others = all.filter((each) => each.version !== version.version).sort((a, b) => Number(b.version) - Number(a.version))
  return (
    <section class="pr-said" aria-label={`Text of v${version.version}`}>
      <div class="cap">
        <h2>v{version.version}{comparing && against ? ` against ${against.title}` : ''}</h2>
        <span class="x" />
        {comparing && others.length > 1 && <select aria-label="Compare with" value={against!.version.version} onChange={(event) => setQuery({ with: event.currentTarget.value }, { replace: true })}>{others.map((each) => <option key={each.version} value={each.version}>{['v' + each.version, ...aliases.filter(([, held]) => held === each.version).map(([alias]) => alias)].join(' ')}</option>)}</select>}
        {against && <button class="btn flat" aria-pressed={comparing} onClick={() => setQuery({ diff: comparing ? null : '1' })}>{comparing ? 'the text' : `differences from ${against.title}`}<kbd>x</kbd></button>}
      </div>
      {comparing && against ? <TemplateDiff before={against.version} after={version} to={against.title} /> : <TemplateText template={templateOf(version)} />}
    </section>
  )
}
