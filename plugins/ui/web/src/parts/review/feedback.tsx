/** Says what somebody thinks of a trace or a span, and changes it; stands at once, and can be taken back. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { del, get, patch, post } from '../../core/api'
import { about } from '../../core/root'
import { edit, refuse } from '../../core/undo'
import type { Json } from '../json'
import type { Assessment } from './assessment'

interface Made {
  assessment: { assessment_id: string }
}

/** What thumbs say something about. */
export const THUMBS = 'good'

/** true, 0.9 and 'good' are what they look like. */
export function valueOf(typed: string): boolean | number | string {
  const text = typed.trim()
  if (/^(true|yes)$/i.test(text)) return true
  if (/^(false|no)$/i.test(text)) return false
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

/** A value as somebody would type it. */
export const typedOf = (value: Json): string => (value === true ? 'yes' : value === false ? 'no' : typeof value === 'string' ? value : JSON.stringify(value))

const pathOf = (traceId: string, id = ''): string => `/api/3.0/mlflow/traces/${encodeURIComponent(traceId)}/assessments${id && `/${encodeURIComponent(id)}`}`

/** Whether it is one's own to change: what a person said, not what code or a judge did. */
export const isByHand = (item: Assessment): boolean => item.source_type === 'HUMAN' && item.kind !== 'issue'

interface Wanted {
  name: string
  kind: 'feedback' | 'expectation'
  value: Json
  rationale: string
  spanId?: string
}

/** Add it; the id that it has, or nothing if that was refused. */
export async function add(traceId: string, wanted: Wanted, reload: () => void): Promise<string> {
  const assessment = {
    assessment_name: wanted.name,
    source: { source_type: 'HUMAN', source_id: about.user?.name || 'somebody' },
    [wanted.kind]: { value: wanted.value },
    ...(wanted.rationale ? { rationale: wanted.rationale } : {}),
    ...(wanted.spanId ? { span_id: wanted.spanId } : {}),
  }
  let id = ''
  const done = await edit({
    said: `${wanted.kind} ${wanted.name}`,
    apply: () => undefined,
    send: async () => { id = (await post<Made>(pathOf(traceId), { assessment })).assessment.assessment_id; reload() },
    revert: () => undefined,
    unsend: async () => { await del(pathOf(traceId, id)); reload() },
  })
  return done ? id : ''
}

export function change(traceId: string, item: Assessment, wanted: Wanted, reload: () => void): Promise<boolean> {
  const send = (name: string, value: Json, rationale: string) => async () => {
    await patch(pathOf(traceId, item.id), { assessment: { assessment_name: name, [item.kind]: { value }, rationale }, update_mask: `assessment_name,${item.kind},rationale` })
    reload()
  }
  return edit({ said: `changed ${wanted.name}`, apply: () => undefined, send: send(wanted.name, wanted.value, wanted.rationale), revert: () => undefined, unsend: send(item.name, item.value, item.rationale ?? '') })
}

/** Delete it; what it was is read before, so that it can be put back whole. */
export async function remove(traceId: string, item: Assessment, reload: () => void): Promise<void> {
  try {
    const { assessment } = await get<{ assessment: object }>(pathOf(traceId, item.id))
    let id = item.id
    await edit({
      said: `deleted ${item.kind} ${item.name}`,
      apply: () => undefined,
      send: async () => { await del(pathOf(traceId, id)); reload() },
      revert: () => undefined,
      unsend: async () => { id = (await post<Made>(pathOf(traceId), { assessment })).assessment.assessment_id; reload() },
    })
  } catch (error) {
    refuse(`${item.name} could not be deleted`, error)
  }
}

/** A thumb up or down: one for each person, changed by another; the id that it has. */
export async function thumb(traceId: string, up: boolean, known: readonly Assessment[], reload: () => void): Promise<string> {
  const own = known.find((item) => isByHand(item) && item.name === THUMBS && item.kind === 'feedback' && !item.span_id && item.source === (about.user?.name || 'somebody'))
  const wanted: Wanted = { name: THUMBS, kind: 'feedback', value: up, rationale: own?.rationale ?? '' }
  if (!own) return add(traceId, wanted, reload)
  return own.value === up || (await change(traceId, own, wanted, reload)) ? own.id : ''
}

interface FormProps {
  /** Changes when the form is to be typed in. */
  asks: number
  traceId: string
  spanId: string
  spanName: string
  reload: () => void
  /** What is changed; without it something is added. */
  known?: Assessment
  /** It was changed, or shall not be. */
  done?: () => void
}

export function ScoreForm({ asks, traceId, spanId, spanName, reload, known, done }: FormProps) {
  const form = useRef<HTMLFormElement>(null)
  const [full, setFull] = useState(Boolean(known))
  // Before the next key comes.
  useLayoutEffect(() => { if (asks || known) form.current?.querySelector<HTMLElement>(known ? 'textarea' : 'input')?.focus() }, [asks])
  const send = async () => {
    const given = new FormData(form.current!)
    const wanted: Wanted = {
      name: String(given.get('name')).trim(),
      kind: given.get('expected') ? 'expectation' : 'feedback',
      value: valueOf(String(given.get('value'))),
      rationale: String(given.get('why')).trim(),
      spanId: spanId && given.get('span') ? spanId : undefined,
    }
    // What was not typed anew stays what it is, be it a list.
    if (known && String(given.get('value')) === typedOf(known.value)) wanted.value = known.value
    if (!(await (known ? change(traceId, known, wanted, reload) : add(traceId, wanted, reload)))) return
    form.current?.reset()
    setFull(Boolean(known))
    done?.()
  }
  return (
    <form ref={form} aria-label={known ? `Change ${known.name}` : 'Add feedback'} onSubmit={(event) => { event.preventDefault(); if (full) void send() }} onInput={(event) => { const given = new FormData(event.currentTarget); setFull(!!String(given.get('name')).trim() && !!String(given.get('value')).trim()) }}
      onKeyDown={(event) => { if (known && event.key === 'Escape') { event.stopPropagation(); done?.() } }}>
      <div class="two">
        <label class="lab">What is judged<input class="input" name="name" maxLength={250} autocomplete="off" placeholder="correct" defaultValue={known?.name} /></label>
        <label class="lab">How it is<input class="input" name="value" autocomplete="off" placeholder="yes, 0.9 or words" defaultValue={known && typedOf(known.value)} /></label>
      </div>
      <label class="lab">Why<textarea class="input" name="why" rows={2} defaultValue={known?.rationale ?? ''} /></label>
      <div class="nm wrap">
        {spanId && !known && <label class="lab nm"><input type="checkbox" name="span" defaultChecked /> <span>of <span class="m">{spanName.slice(0, 40)}</span> only</span></label>}
        {!known && <label class="lab nm"><input type="checkbox" name="expected" /> <span>what was expected</span></label>}
        <span class="x" />
        {known && <button type="button" class="btn flat" onClick={done}>Leave it</button>}
        <button class="btn" disabled={!full}>{known ? 'Change' : 'Add feedback'}</button>
      </div>
    </form>
  )
}
