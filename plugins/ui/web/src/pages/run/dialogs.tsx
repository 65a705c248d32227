/** The small questions: another name, a tag. */
import { useState } from 'preact/hooks'
import { useResource } from '../../core/resource'
import { Dialog } from '../../parts/dialog'
import type { Overview } from './data'

export function Rename({ run, does, close }: { run: Overview; does: (name: string) => void; close: () => void }) {
  const [name, setName] = useState(run.info.name)
  return (
    <Dialog label="Rename the run" close={close}>
      <form onSubmit={(event) => { event.preventDefault(); close(); if (name.trim() && name !== run.info.name) does(name.trim()) }}>
        <div class="top"><h2>Rename the run</h2></div>
        <div class="in"><label class="lab">Name<input class="input" autofocus autocomplete="off" required value={name} onFocus={(event) => event.currentTarget.select()} onInput={(event) => setName(event.currentTarget.value)} /></label></div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main">Rename</button></div>
      </form>
    </Dialog>
  )
}

interface Known {
  keys: { column: string }[]
}

export function Tag({ run, does, close }: { run: Overview; does: (key: string, value: string) => void; close: () => void }) {
  const [key, setKey] = useState('')
  const [value, setValue] = useState('')
  const known = useResource<Known>('runs/keys', { experiment_ids: [run.info.experiment_id], kind: 'tags', q: key, limit: 20 })
  const values = useResource<{ values: { value: string }[] }>(key ? 'runs/values' : null, { experiment_ids: [run.info.experiment_id], column: `tags.${key}`, limit: 20 })
  const change = (next: string) => { setKey(next); if (run.tags[next] !== undefined) setValue(run.tags[next]!) }
  return (
    <Dialog label="Tag the run" close={close}>
      <form onSubmit={(event) => { event.preventDefault(); close(); if (key.trim()) does(key.trim(), value) }}>
        <div class="top"><h2>Tag the run</h2></div>
        <div class="in">
          <label class="lab">Key<input class="input" autofocus autocomplete="off" required list="tag-keys" value={key} onInput={(event) => change(event.currentTarget.value)} /></label>
          <label class="lab">Value<input class="input" autocomplete="off" list="tag-values" value={value} onInput={(event) => setValue(event.currentTarget.value)} /></label>
          <datalist id="tag-keys">{known.data?.keys.filter((each) => !each.column.startsWith('tags.mlflow.')).map((each) => <option key={each.column} value={each.column.slice(5)} />)}</datalist>
          <datalist id="tag-values">{values.data?.values.map((each) => <option key={each.value} value={each.value} />)}</datalist>
        </div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main">{run.tags[key] === undefined ? 'Tag' : 'Change the tag'}</button></div>
      </form>
    </Dialog>
  )
}
