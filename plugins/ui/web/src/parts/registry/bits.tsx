/** Small parts that the pages of the registry share. */
import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { useKeys } from '../../core/keys'
import { href, may } from '../../core/root'
import { param, setQuery } from '../../core/router'
import { iso, stamp } from '../../core/times'
import { Ask } from '../ask'
import { Cross } from '../icon'
import { Peg } from '../peg'
import { Prose } from '../prose-view'
import type { Change, Pair, Run } from './answers'
import { describe, setTag, type Target } from './edits'
import { day, told } from './figures'

export const modelPath = (name: string): string => `/models/${encodeURIComponent(name)}`
export const versionPath = (name: string, version: string): string => `${modelPath(name)}/${version}`

export function Day({ at }: { at: number }) {
  return <time dateTime={iso(at)} title={stamp(at)}>{day(at)}</time>
}

export function RunLink({ run, id }: { run: Run | undefined; id?: string }) {
  if (!run) return <span class="i3">{id ? 'run deleted' : '–'}</span>
  return <a class="mod-run" href={href(`/runs/${run.run_id}`)} title={run.name}><Peg run={run.run_id} status={run.status} /><span class="cut">{run.name}</span></a>
}

export function Alias({ name }: { name: string }) {
  return <span class="mod-alias" title={name}>{name}</span>
}

/** Words that leave some rows; kept in the address. */
export function Find({ label, placeholder, typed }: { label: string; placeholder: string; typed?: () => void }) {
  const box = useRef<HTMLInputElement>(null)
  useKeys(label, { '/': { does: label, run: () => { box.current?.focus(); box.current?.select() } } })
  return (
    <div class="mod-find"><kbd>/</kbd>
      <input ref={box} aria-label={label} placeholder={placeholder} value={param('q')} spellcheck={false} autocomplete="off"
        onInput={(event) => { setQuery({ q: event.currentTarget.value }, { replace: true }); typed?.() }}
        onKeyDown={(event) => { if (event.key === 'Escape' || event.key === 'Enter') { if (event.key === 'Escape') setQuery({ q: null }, { replace: true }); event.currentTarget.blur() } }} />
    </div>
  )
}

/** A text in markdown that can be changed where it stands. */
export function Description({ target, text, renew, keys }: { target: Target; text: string; renew: () => void; keys?: string }) {
  const [shown, setShown] = useState<string>()
  const [draft, setDraft] = useState<string>()
  const now = shown ?? text
  const begin = () => setDraft(now)
  useKeys('Description', { [keys ?? 'e']: may('write') ? { does: 'Edit the description', run: begin } : undefined })
  if (draft !== undefined) {
    const save = () => {
      setDraft(undefined)
      if (draft !== now) void describe(target, now, draft, setShown, renew)
    }
    return (
      <form class="mod-edit" onSubmit={(event) => { event.preventDefault(); save() }}>
        <textarea class="input" aria-label="Description" rows={6} value={draft} ref={(box) => { if (box && document.activeElement !== box && !box.dataset.seen) { box.dataset.seen = '1'; box.focus() } }} onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={(event) => { if (event.key === 'Escape') { event.stopPropagation(); setDraft(undefined) } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save() } }} />
        <div class="do"><button class="btn main">Save<kbd>ctrl enter</kbd></button><button type="button" class="btn flat" onClick={() => setDraft(undefined)}>cancel<kbd>esc</kbd></button><span class="x" /><span class="lab">markdown</span></div>
      </form>
    )
  }
  return (
    <div class="mod-text">
      {now ? <Prose text={now} /> : <span class="i3">No description.</span>}
      {may('write') && <button class="link" onClick={begin}>{now ? 'edit' : 'write one'}<kbd>{keys ?? 'e'}</kbd></button>}
    </div>
  )
}

export function Tags({ target, tags, renew }: { target: Target; tags: readonly Pair[]; renew: () => void }) {
  const [over, setOver] = useState<Record<string, string | null>>({})
  const [asking, setAsking] = useState<Pair>()
  const show = ({ key, value }: { key: string; value: string | null }) => setOver((now) => ({ ...now, [key]: value }))
  const merged: Record<string, string | null> = { ...Object.fromEntries(tags.map((tag) => [tag.key, tag.value])), ...over }
  const shown = Object.entries(merged).filter((pair): pair is [string, string] => pair[1] !== null && !pair[0].startsWith('mlflow.')).sort(([a], [b]) => (a < b ? -1 : 1))
  const set = (key: string, after: string | null) => void setTag(target, key, merged[key] ?? null, after, show, renew)
  return (
    <div class="mod-tags">
      {shown.map(([key, value]) => (
        <span key={key} class="mod-tag" title={`${key}: ${value}`}>
          {may('write') ? <button onClick={() => setAsking({ key, value })} title="Change the tag"><span class="i3">{key}</span> {value}</button> : <span><span class="i3">{key}</span> {value}</span>}
          {may('write') && <button class="off" aria-label={`Remove the tag ${key}`} onClick={() => set(key, null)}><Cross /></button>}
        </span>
      ))}
      {!shown.length && <span class="i3">No tags.</span>}
      {may('write') && <button class="link" onClick={() => setAsking({ key: '', value: '' })}>add a tag</button>}
      {asking && <Ask title="Tag" button="Set" fields={[{ name: 'key', label: 'Key', value: asking.key }, { name: 'value', label: 'Value', value: asking.value, required: false }]} does={({ key, value }) => set(key!.trim(), value!)} close={() => setAsking(undefined)} />}
    </div>
  )
}

/** What happened, the last first: who, when, why. */
export function History({ changes, more }: { changes: readonly Change[]; more?: boolean }) {
  if (!changes.length) return <p class="i3">Nothing happened yet.</p>
  return (
    <ol class="mod-history">
      {changes.map((change) => (
        <li key={change.number} class={change.undoes === undefined ? change.kind : `${change.kind} back`}>
          <Day at={change.timestamp} />
          <span><span class="what">{told(change)}</span>{change.user && <span class="i2"> by {change.user}</span>}{change.reason && <span class="why">{change.reason}</span>}</span>
        </li>
      ))}
      {more && <li class="i3"><span /><span>Older changes are not shown.</span></li>}
    </ol>
  )
}

export function Section({ title, children, right }: { title: ComponentChildren; children: ComponentChildren; right?: ComponentChildren }) {
  return <section class="mod-sec"><h2>{title}<span class="x" />{right}</h2>{children}</section>
}
