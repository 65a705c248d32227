/** The questions that an experiment asks about its traces: which there are, and a form for one more. */
import { useState } from 'preact/hooks'
import { del, post } from '../../core/api'
import { useResource } from '../../core/resource'
import { may } from '../../core/root'
import { edit, said } from '../../core/undo'
import { Confirm, Dialog } from '../dialog'
import { Failed } from '../states'
import { FORMS, type Form, type Input, inputOf, wordsFor } from './choices'
import './schemas.css'

const API = '/api/3.0/mlflow/label-schemas'

interface Known {
  schema_id: string
  name: string
  type: 'FEEDBACK' | 'EXPECTATION'
  input: Input
  instruction?: string
  is_default?: boolean
}

interface Props {
  experimentId: string
  experiment: string
  close: () => void
}

export default function Schemas({ experimentId, experiment, close }: Props) {
  const found = useResource<{ label_schemas?: Known[] }>(`${API}/list`, { experiment_id: experimentId, max_results: 1000 })
  const [form, setForm] = useState<Form>('pass_fail')
  const [name, setName] = useState('')
  const [wrong, setWrong] = useState('')
  const [gone, setGone] = useState<Known>()
  const known = [...(found.data?.label_schemas ?? [])].reverse()
  const isTaken = known.some((each) => each.name === name.trim())
  const submit = async (event: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    event.preventDefault()
    const given = new FormData(event.currentTarget)
    const text = (key: string): string => String(given.get(key) ?? '').trim()
    const made = inputOf(form, text)
    if (typeof made === 'string') return setWrong(made)
    let id = ''
    const done = await edit({
      said: `question ${name.trim()}`,
      apply: () => undefined,
      send: async () => {
        const body = { experiment_id: experimentId, name: name.trim(), type: given.get('expected') ? 'EXPECTATION' : 'FEEDBACK', input: made, instruction: text('instruction') || undefined, enable_comment: given.get('why') !== null }
        id = (await post<{ label_schema: Known }>(`${API}/create`, body)).label_schema.schema_id
      },
      revert: () => undefined,
      unsend: may('delete') ? () => del(`${API}/delete`, { schema_id: id }) : undefined,
    })
    if (done) close()
    else setWrong(said.peek()?.text ?? '')
  }
  const remove = ({ schema_id, name: of }: Known) => edit({ said: `deleted question ${of}`, apply: () => undefined, send: async () => { await del(`${API}/delete`, { schema_id }); found.reload() }, revert: () => undefined })
  return (
    <Dialog label="Questions about traces" close={close}>
      <form onSubmit={(event) => void submit(event)} onInput={() => setWrong('')}>
        <div class="top"><h2 class="nw">Questions about traces</h2><p class="s i3 cut">of {experiment}</p></div>
        <div class="in">
          {found.error && <Failed what="The questions could not be read" error={found.error} retry={found.reload} />}
          {known.length > 0 && (
            <ul class="asked" aria-label="Questions that are asked">
              {known.map((each) => (
                <li key={each.schema_id} title={each.instruction}>
                  <span class="cut">{each.name}</span><span class="i3 s cut">{wordsFor(each.input)}{each.type === 'EXPECTATION' && ', what was expected'}</span><span class="x" />
                  {may('delete') && !each.is_default && <button type="button" class="link s" aria-label={`Delete ${each.name}`} onClick={() => setGone(each)}>delete</button>}
                </li>
              ))}
            </ul>
          )}
          <label class="lab">Question<input class="input" name="name" autofocus autocomplete="off" required maxLength={250} placeholder="Is it right?" value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
          <label class="lab">What it means, for those who answer<input class="input" name="instruction" autocomplete="off" maxLength={1000} /></label>
          <label class="lab">Answer
            <select class="input" value={form} onChange={(event) => setForm(event.currentTarget.value as Form)}>
              {Object.entries(FORMS).map(([value, title]) => <option key={value} value={value}>{title}</option>)}
            </select>
          </label>
          {form === 'pass_fail' && <div class="two"><label class="lab">Passed is called<input class="input" name="positive" maxLength={64} defaultValue="Yes" /></label><label class="lab">Failed is called<input class="input" name="negative" maxLength={64} defaultValue="No" /></label></div>}
          {(form === 'one' || form === 'several') && <label class="lab">Up to 10 options, with commas<input class="input" name="options" autocomplete="off" placeholder="too long, too short, off topic" /></label>}
          {form === 'numeric' && <div class="two"><label class="lab">From<input class="input" name="least" inputMode="decimal" defaultValue="1" /></label><label class="lab">To<input class="input" name="most" inputMode="decimal" defaultValue="5" /></label></div>}
          <label class="lab nm"><input type="checkbox" name="why" /> <span>ask for the reason, too</span></label>
          <label class="lab nm"><input type="checkbox" name="expected" /> <span>the answer is what was expected, not how it was</span></label>
          {(isTaken || wrong) && <p class="bad s" role="alert">{isTaken ? 'There is a question of this name already.' : wrong}</p>}
        </div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main" disabled={!name.trim() || isTaken || !found.data}>Add</button></div>
      </form>
      {gone && <Confirm title="Delete a question" name={gone.name} button="Delete the question" close={() => setGone(undefined)} does={() => void remove(gone)}>Answers that were given stay with their traces; queues do not ask it any more.</Confirm>}
    </Dialog>
  )
}
