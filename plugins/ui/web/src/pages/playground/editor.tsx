/** Where a prompt is written: one text, or messages; its variables are marked while one types. */
import { useEffect, useRef } from 'preact/hooks'
import { isChat, type Known, type Message, type Template, valueOf } from '../../parts/prompt/template'
import { Marked } from '../../parts/prompt/text'
import { Chevron, Cross } from '../../parts/icon'

const ROLES = ['system', 'user', 'assistant']

export function Editor({ template, change }: { template: Template; change: (template: Template) => void }) {
  const chat = isChat(template)
  const put = (at: number, more: Partial<Message>) => change(template.map((message, i) => (i === at ? { ...message, ...more } : message)))
  // A text becomes what the user says, and back, as long as nothing gets lost by it.
  const turn = () => change(chat ? [{ role: '', content: template[0]?.content ?? '' }] : [{ role: 'user', content: template[0]?.content ?? '' }])
  return (
    <div class="pl-edit">
      {template.map((message, i) => (
        <section key={i}>
          <div class="pl-role">
            {chat ? <span class="pl-pick"><select aria-label={`Role of message ${i + 1}`} value={message.role} onChange={(event) => put(i, { role: event.currentTarget.value })}>{[...new Set([...ROLES, message.role])].map((role) => <option key={role} value={role}>{role}</option>)}</select><Chevron /></span> : <span>text</span>}
            <span class="x" />
            {chat && template.length > 1 && <button aria-label={`Remove message ${i + 1}`} title="Remove the message" onClick={() => change(template.filter((_, at) => at !== i))}><Cross /></button>}
          </div>
          <Written label={chat ? `Message ${i + 1}, ${message.role}` : 'Prompt'} value={message.content} change={(content) => put(i, { content })} first={i === 0} />
        </section>
      ))}
      <div class="pl-more">
        {chat && <button class="link" onClick={() => change([...template, { role: template.at(-1)?.role === 'user' ? 'assistant' : 'user', content: '' }])}>add a message</button>}
        {(!chat || template.length === 1) && <button class="link" onClick={turn}>{chat ? 'make it one text' : 'make it a chat'}</button>}
      </div>
    </div>
  )
}

/** A text that grows with what is in it, over the same text with its variables marked. */
function Written({ label, value, change, first }: { label: string; value: string; change: (value: string) => void; first: boolean }) {
  const box = useRef<HTMLTextAreaElement>(null)
  useEffect(() => { if (first && !value) box.current?.focus() }, [])
  return (
    <div class="pl-field">
      <div class="pl-ink" aria-hidden="true"><Marked text={value} />{'\u200b'}</div>
      <textarea ref={box} aria-label={label} value={value} spellcheck={false} placeholder={first ? 'Write a prompt. {{name}} is a variable.' : ''} onInput={(event) => change(event.currentTarget.value)} />
    </div>
  )
}

/** Inputs of variables: typed, or taken from a data set. */
export function Inputs({ names, values, known, defaults, taken, from, change }: { names: readonly string[]; values: Readonly<Record<string, string>>; known: Readonly<Record<string, Known>>; defaults: Readonly<Record<string, string>>; taken: ReadonlySet<string>; from: string; change: (name: string, value: string) => void }) {
  if (!names.length) return null
  return (
    <div class="pl-inputs" role="group" aria-label="Variables">
      {names.map((name) => taken.has(name)
        ? <div key={name} class="lab"><span class="m">{name}</span> <span>from {from}</span></div>
        : (
          <label key={name} class="lab"><span class="m">{name}</span> {valueOf(known, name)?.description}
            <textarea class="input" rows={lines(valueOf(values, name))} value={valueOf(values, name) ?? ''} placeholder={valueOf(defaults, name)} data-variable={name} spellcheck={false} onInput={(event) => change(name, event.currentTarget.value)} />
          </label>
        ))}
    </div>
  )
}

const lines = (value = ''): number => Math.min(6, value.split('\n').length + Math.floor(value.length / 56))
