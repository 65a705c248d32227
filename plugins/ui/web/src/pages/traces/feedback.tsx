/** Says what somebody thinks of a trace or a span; stands at once, and can be taken back. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { del, post } from '../../core/api'
import { about } from '../../core/root'
import { edit } from '../../core/undo'

interface Made {
  assessment: { assessment_id: string }
}

/** true, 0.9 and 'good' are what they look like. */
export function valueOf(typed: string): boolean | number | string {
  const text = typed.trim()
  if (/^(true|yes)$/i.test(text)) return true
  if (/^(false|no)$/i.test(text)) return false
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

export function AddScore({ asks, traceId, spanId, spanName, reload }: { /** Changes when the form is to be typed in. */ asks: number; traceId: string; spanId: string; spanName: string; reload: () => void }) {
  const form = useRef<HTMLFormElement>(null)
  const [full, setFull] = useState(false)
  // Before the next key comes.
  useLayoutEffect(() => { if (asks) form.current?.querySelector('input')?.focus() }, [asks])
  const path = `/api/3.0/mlflow/traces/${encodeURIComponent(traceId)}/assessments`
  const send = async () => {
    const given = new FormData(form.current!)
    const name = String(given.get('name')).trim()
    const rationale = String(given.get('why')).trim()
    const assessment = {
      assessment_name: name,
      source: { source_type: 'HUMAN', source_id: about.user?.name || 'somebody' },
      feedback: { value: valueOf(String(given.get('value'))) },
      ...(rationale ? { rationale } : {}),
      ...(spanId && given.get('span') ? { span_id: spanId } : {}),
    }
    let id = ''
    const done = await edit({
      said: `feedback ${name}`,
      apply: () => undefined,
      send: async () => { id = (await post<Made>(path, { assessment })).assessment.assessment_id; reload() },
      revert: () => undefined,
      unsend: async () => { await del(`${path}/${encodeURIComponent(id)}`); reload() },
    })
    if (!done) return
    form.current?.reset()
    setFull(false)
  }
  return (
    <form ref={form} onSubmit={(event) => { event.preventDefault(); if (full) void send() }} onInput={(event) => { const given = new FormData(event.currentTarget); setFull(!!String(given.get('name')).trim() && !!String(given.get('value')).trim()) }}>
      <div class="two">
        <label class="lab">What is judged<input class="input" name="name" maxLength={250} autocomplete="off" placeholder="correct" /></label>
        <label class="lab">How it is<input class="input" name="value" autocomplete="off" placeholder="yes, 0.9 or words" /></label>
      </div>
      <label class="lab">Why<textarea class="input" name="why" rows={2} /></label>
      <div class="nm">
        {spanId && <label class="lab nm"><input type="checkbox" name="span" checked /> <span>of <span class="m">{spanName.slice(0, 40)}</span> only</span></label>}
        <span class="x" />
        <button class="btn" disabled={!full}>Add feedback</button>
      </div>
    </form>
  )
}
