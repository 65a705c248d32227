/** Make a version of a registered model from what the run made. */
import { useState } from 'preact/hooks'
import { useResource } from '../../core/resource'
import { may } from '../../core/root'
import { Dialog } from '../../parts/dialog'
import type { Overview } from './data'
import { register } from './edits'

interface Registered {
  registered_models?: { name: string; latest_versions?: { version: string }[] }[]
}

interface Source {
  title: string
  uri: string
  model?: string
}

/** What can become a version: logged models, and directories that hold a model. */
export function sources(run: Overview): Source[] {
  const made = run.models.filter((model) => model.role === 'output').map((model) => ({ title: model.step === null ? model.name : `${model.name}, step ${model.step}`, uri: `models:/${model.model_id}`, model: model.model_id }))
  const files = (run.artifacts.all?.models ?? []).map((path) => ({ title: `${path}/`, uri: `runs:/${run.info.run_id}/${path}` }))
  return [...made, ...files]
}

const OTHER = 'other'

export default function Register({ run, path, close, done }: { run: Overview; path?: string; close: () => void; done: () => void }) {
  const found = sources(run)
  const asked = path === undefined ? undefined : `runs:/${run.info.run_id}/${path}`
  const known = found.findIndex((source) => source.uri === asked)
  const [chosen, setChosen] = useState(asked !== undefined ? (known < 0 ? OTHER : String(known)) : found.length ? '0' : OTHER)
  const [other, setOther] = useState(path ?? '')
  const [name, setName] = useState('')
  const models = useResource<Registered>('/api/2.0/mlflow/registered-models/search', { max_results: 100, filter: name && !name.includes("'") ? `name LIKE '%${name.replace(/[%_]/g, '')}%'` : undefined })
  const names = models.data?.registered_models ?? []
  const existing = names.find((model) => model.name === name)
  const source: Source = chosen === OTHER ? { title: other, uri: `runs:/${run.info.run_id}/${other.replace(/^\/+|\/+$/g, '')}` } : found[Number(chosen)]!
  const ready = name.trim() !== '' && (chosen !== OTHER || other.trim() !== '')
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!ready) return
    close()
    await register(name.trim(), existing !== undefined, { uri: source.uri, run: run.info.run_id, model: source.model }, may('delete'), done)
    done()
  }
  return (
    <Dialog label="Register a model" close={close}>
      <form onSubmit={(event) => void submit(event)}>
        <div class="top"><h2>Register a model</h2><span class="x" /><kbd>esc</kbd></div>
        <div class="in">
          <label class="lab">Name
            <input class="input" autofocus autocomplete="off" required list="registered-names" value={name} placeholder="an existing model, or a new name" onInput={(event) => setName(event.currentTarget.value)} />
          </label>
          <datalist id="registered-names">{names.map((model) => <option key={model.name} value={model.name} />)}</datalist>
          <p class="s i3">{existing ? `A new version of ${existing.name}, after v${Math.max(0, ...(existing.latest_versions ?? []).map((version) => Number(version.version)))}.` : name ? (models.data ? 'A new model: this will be its first version.' : 'Is there one of this name?') : 'What it is called in the registry.'}</p>
          <label class="lab">From
            <select class="input" value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
              {found.map((each, i) => <option key={each.uri} value={String(i)}>{each.title}</option>)}
              <option value={OTHER}>a path among the artifacts</option>
            </select>
          </label>
          {chosen === OTHER && <label class="lab">Path<input class="input" value={other} placeholder="model" onInput={(event) => setOther(event.currentTarget.value)} /></label>}
          <p class="m i3 cut" title={source.uri}>{source.uri}</p>
        </div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main" disabled={!ready}>Register</button></div>
      </form>
    </Dialog>
  )
}
