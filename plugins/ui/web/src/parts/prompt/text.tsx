/** Templates as they are read: variables marked, and what differs between two of them. */
import { Differing } from '../differing'
import { changesOf, isSame, type Change, type Parts, spansOf, type Template } from './template'
import type { Version } from '../registry/answers'
import './text.css'

export function Marked({ text }: { text: string }) {
  return <>{spansOf(text).map((span, i) => (span.isVariable ? <mark key={i}>{span.text}</mark> : <span key={i}>{span.text}</span>))}</>
}

export function TemplateText({ template }: { template: Template }) {
  return (
    <div class="pr-text">
      {template.map(({ role, content }, i) => <section key={i}>{role && <h3>{role}</h3>}<pre>{content ? <Marked text={content} /> : <span class="i3">empty</span>}</pre></section>)}
    </div>
  )
}

/** What differs, message by message; config and schema after them. `to`: what it is compared with. */
export function TemplateDiff({ before, after, to }: { before: Version | Parts; after: Version | Parts; to: string }) {
  const { messages, config, format } = changesOf(before, after)
  const others = [config, format].filter((change): change is Change => change !== undefined)
  return (
    <div class="pr-text">
      {messages.map((change, i) => <One key={i} change={change} to={to} />)}
      {others.map((change) => <One key={change.role} change={change} to={to} />)}
      {isSame(messages) && !others.length && <p class="i3 s">No difference from {to}.</p>}
    </div>
  )
}

function One({ change, to }: { change: Change; to: string }) {
  const { role, before, after, only } = change
  return (
    <section>
      {(role || only) && <h3>{role}{only && <span class={only === 'after' ? 'ok' : 'bad'}>{only === 'after' ? ' new' : ' gone'}</span>}</h3>}
      {before === after ? <pre><Marked text={after} /></pre> : <Differing before={before} after={after} to={to} />}
    </section>
  )
}
