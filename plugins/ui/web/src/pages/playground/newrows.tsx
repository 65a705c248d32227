/** Rows that a person types or pastes, kept as a data set. */
import { useMemo, useRef, useState } from 'preact/hooks'
import { type Failure, post } from '../../core/api'
import { plural } from '../../core/format'
import { Dialog } from '../../parts/dialog'
import { EXPECTED, parse } from './table'

export interface NewRowsProps {
  /** The variables that rows are for. */
  names: readonly string[]
  done: (id: string) => void
  close: () => void
}

export default function NewRows({ names, done, close }: NewRowsProps) {
  const [name, setName] = useState('')
  const [text, setText] = useState(names.length ? `${names.join(',')}\n` : '')
  const [error, setError] = useState<Failure>()
  const [busy, setBusy] = useState(false)
  // One that was made, and whose rows were not taken.
  const made = useRef({ name: '', id: '' })
  const { records, columns, wrong } = useMemo(() => parse(text), [text])
  const missing = names.filter((each) => !columns.includes(each) && !columns.includes(each.split('.')[0]!))
  const expected = columns.filter((each) => EXPECTED.includes(each))
  const send = async () => {
    if (busy || wrong || !records.length || !name.trim()) return
    setBusy(true)
    setError(undefined)
    try {
      if (made.current.name !== name) {
        const { dataset } = await post<{ dataset: { dataset_id: string } }>('/api/3.0/mlflow/datasets/create', { name: name.trim() })
        made.current = { name, id: dataset.dataset_id }
      }
      await post(`/api/3.0/mlflow/datasets/${encodeURIComponent(made.current.id)}/records`, { records: JSON.stringify(records) })
      done(made.current.id)
    } catch (failure) {
      setError(failure as Failure)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog label="New data set" close={close}>
      <form onSubmit={(event) => { event.preventDefault(); void send() }}>
        <div class="top"><h2>New data set</h2></div>
        <div class="in">
          <label class="lab">Name<input class="input" autofocus value={name} placeholder="march-questions" autocomplete="off" spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} /></label>
          <label class="lab">Rows: a table from a sheet, CSV, or JSON; the first line names the columns<textarea class="input pl-rows" rows={8} value={text} spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} /></label>
          <label class="lab">or a file <input type="file" accept=".csv,.tsv,.txt,.json,.jsonl" onChange={(event) => { const file = event.currentTarget.files?.[0]; if (file) { void file.text().then(setText); setName((before) => before || file.name.replace(/\.[^.]*$/, '')) } }} /></label>
          <p class={wrong ? 'bad' : 'i3'} role={wrong ? 'alert' : 'status'}>{wrong || `${plural(records.length, 'row')}${expected.length ? `; ${expected.join(', ')}: what is expected, for scorers` : `. A column ${EXPECTED[0]} would say what is expected, for scorers`}.`}</p>
          {!wrong && records.length > 0 && missing.length > 0 && <p class="warn">No column is called {missing.join(', ')}; what is typed beside the prompt is taken.</p>}
          {error && <p class="bad" role="alert">{error.message} {error.hint}</p>}
        </div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main" disabled={busy || Boolean(wrong) || !records.length || !name.trim()}>Make it<kbd>enter</kbd></button></div>
      </form>
    </Dialog>
  )
}
