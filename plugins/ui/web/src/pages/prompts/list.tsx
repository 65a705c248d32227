/** All prompts: what the newest version says, and which versions are in use. */
import { copy } from '../../core/copy'
import { useRegistry } from '../../core/events'
import { plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { address, href, may } from '../../core/root'
import { hasRoute, navigate, param, setQuery } from '../../core/router'
import { Bar } from '../../parts/bar'
import { useRowCursor } from '../../parts/cursor'
import { Foot } from '../../parts/foot'
import { playPath, promptPath } from '../../parts/prompt/scope'
import { readable, templateOf } from '../../parts/prompt/template'
import { Marked } from '../../parts/prompt/text'
import { Alias, Find } from '../../parts/registry/bits'
import { byRank } from '../../parts/registry/figures'
import { Failed, Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import './page.css'

interface Listed {
  name: string
  description: string
  tags: Record<string, string>
  aliases: Record<string, string>
  updated: number
  newest: { version: string; time: number; user: string; note: string; chat: boolean; text: string } | null
}

interface Answer {
  prompts: Listed[]
  next_page_token: string
}

export default function Prompts() {
  const q = param('q')
  const found = useResource<Answer>('ui/prompts', { q, page_token: param('page') })
  useRegistry(found.reload)
  const answer = found.data
  const prompts = answer?.prompts ?? []
  const at = useRowCursor('Prompts', prompts.length, (index) => navigate(promptPath(prompts[index]!.name)))
  const current = prompts[at]
  const canPlay = hasRoute('/playground')
  useKeys('Prompts', {
    p: canPlay ? { does: 'Try the prompt', run: () => navigate(playPath(current!.name)), needs: !current && 'a prompt under the cursor (j)' } : undefined,
    n: canPlay && may('write') ? { does: 'New prompt', run: () => navigate('/playground') } : undefined,
  })
  const wrong = found.error?.status === 400 && q ? found.error : undefined
  return (
    <>
      <Bar place={<h1>prompts</h1>} right={canPlay && <a class="btn flat" href={href('/playground')}>{may('write') ? 'new prompt' : 'playground'}{may('write') && <kbd>n</kbd>}</a>}>
        <Find label="Find a prompt" placeholder="a name, or tags.team = 'support'" typed={() => setQuery({ page: null }, { replace: true })} />
      </Bar>
      <div class="scroll dots">
        {wrong && <p class="mod-wrong" role="alert"><span class="bad">{wrong.message}</span> {wrong.hint}</p>}
        {found.error && !wrong && <Failed what="The prompts could not be read" error={found.error} still={answer ? 'What is shown is what was read before.' : ''} retry={found.reload} />}
        {prompts.length > 0 && (
          <table class="pr-list">
            <colgroup><col class="w-name" /><col /><col class="w-alias" /><col class="w-new" /></colgroup>
            <thead><tr><th>name</th><th>newest version</th><th>aliases</th><th class="r">changed</th></tr></thead>
            <tbody>{prompts.map((each, i) => <Row key={each.name} prompt={each} on={i === at} />)}</tbody>
          </table>
        )}
        {answer && !prompts.length && (q ? <Nothing title="No prompt fits">No name or tag fits. <button class="link" onClick={() => setQuery({ q: null })}>Take it away</button></Nothing> : <NoPrompts />)}
      </div>
      <Foot right={<>{param('page') && <button class="k" onClick={() => history.back()}>back</button>}{answer?.next_page_token && <button class="k" onClick={() => setQuery({ page: answer.next_page_token })}>more prompts</button>}</>}>
        {answer && <span>{plural(prompts.length, 'prompt')}{answer.next_page_token && ', and more'}</span>}
      </Foot>
    </>
  )
}

function Row({ prompt, on }: { prompt: Listed; on: boolean }) {
  const { newest } = prompt
  const aliases = Object.entries(prompt.aliases).sort(([a], [b]) => byRank(a, b))
  const tags = Object.entries(prompt.tags)
  return (
    <tr class={on ? 'at' : ''}>
      <td class="w5"><a href={href(promptPath(prompt.name))} title={prompt.name}>{prompt.name}</a>{tags.length > 0 && <div class="pr-tags cut i3" title={tags.map(([key, value]) => `${key}: ${value}`).join('\n')}>{tags.slice(0, 3).map(([key, value]) => `${key} ${value}`).join(', ')}</div>}</td>
      <td>
        {newest ? <><div class="pr-first"><span class="w5">v{newest.version}</span> {newest.chat && <span class="i3">chat</span>} <Marked text={firstText(newest)} /></div>{(newest.note || prompt.description) && <div class="pr-note s i3 cut">{newest.note || prompt.description}</div>}</> : <span class="i3">no versions</span>}
      </td>
      <td>{aliases.slice(0, 3).map(([alias, version]) => <span key={alias} class="nw"><Alias name={alias} />v{version} </span>)}{aliases.length > 3 && <span class="i3" title={aliases.slice(3).map(([alias, version]) => `${alias} v${version}`).join(', ')}>+{aliases.length - 3}</span>}{!aliases.length && <span class="i3">–</span>}</td>
      <td class="r i2"><Age at={prompt.updated} />{newest?.user && <div class="i3 cut">{newest.user}</div>}</td>
    </tr>
  )
}

/** The beginning of a text; a chat that was cut is JSON that nobody closes. */
function firstText({ text, chat }: { text: string; chat: boolean }): string {
  if (!chat) return text
  const template = templateOf({ tags: [{ key: 'mlflow.prompt.text', value: text }, { key: '_mlflow_prompt_type', value: 'chat' }] })
  return template[0]!.role ? readable(template) : [...text.matchAll(/"content": ?"((?:[^"\\]|\\.)*)/g)].map((each) => each[1]!.replace(/\\n/g, ' ').replace(/\\(.)/g, '$1')).join(' ')
}

function NoPrompts() {
  const code = `import pegboard\npegboard.set_tracking_uri("${address()}")\npegboard.genai.register_prompt(\n    name="support-answer",\n    template="Answer in two sentences: {{question}}",\n)`
  const take = () => void copy(code, 'code copied')
  useKeys('No prompts yet', { y: { does: 'Copy the code', run: take } })
  return (
    <div class="hole">
      <h2>No prompts yet</h2>
      <div class="code" tabIndex={0} role="region" aria-label="Code that registers a prompt"><button class="btn flat" onClick={take}>copy<kbd>y</kbd></button>{code}</div>
      <div class="then"><span class="s">Or write one in the <a class="link" href={href('/playground')}>playground</a>, try it on models, and save it. Code that registers with MLflow works unchanged.</span></div>
    </div>
  )
}
