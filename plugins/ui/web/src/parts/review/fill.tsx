/** Puts traces into a review queue: one that is there, or a new one. */
import { useState } from 'preact/hooks'
import { get, type Params, post } from '../../core/api'
import { plural } from '../../core/format'
import { shown } from '../../core/keylist'
import { useResource } from '../../core/resource'
import { about, may } from '../../core/root'
import { edit } from '../../core/undo'
import { Dialog } from '../dialog'
import { Failed } from '../states'

const API = '/api/3.0/mlflow/review-queues'
const PAGE = 1000

interface Known {
  queue_id: string
  name: string
  users?: string[]
}

interface Props {
  experimentId: string
  experiment: string
  traces: readonly string[]
  close: () => void
  done: () => void
}

const NEW = ''

export default function Fill({ experimentId, experiment, traces, close, done }: Props) {
  const of = { experiment_id: experimentId, max_results: PAGE }
  const found = useResource<{ review_queues?: Known[] }>(`${API}/list`, of)
  const asked = useResource<{ label_schemas?: { schema_id: string; name: string; is_default?: boolean }[] }>('/api/3.0/mlflow/label-schemas/list', of)
  const queues = found.data?.review_queues ?? []
  const questions = (asked.data?.label_schemas ?? []).filter((each) => !each.is_default)
  const [chosen, setChosen] = useState<string>()
  const [name, setName] = useState('')
  const [users, setUsers] = useState(about.user?.name ?? '')
  const [without, setWithout] = useState<ReadonlySet<string>>(new Set())
  const into = chosen ?? queues[0]?.queue_id ?? NEW
  const ready = into !== NEW || name.trim() !== ''
  const toggle = (id: string) => { const next = new Set(without); next.delete(id) || next.add(id); setWithout(next) }
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    if (!ready) return
    close()
    const known = queues.find((each) => each.queue_id === into)
    void fill(traces, known ?? {
      experiment_id: experimentId, name: name.trim(), queue_type: 'CUSTOM', users: users.split(',').map((each) => each.trim()).filter(Boolean),
      schema_ids: questions.filter((each) => !without.has(each.schema_id)).map((each) => each.schema_id),
    }).then((sent) => sent && done())
  }
  return (
    <Dialog label="Put into a review queue" close={close}>
      <form onSubmit={submit}>
        <div class="top"><h2>{plural(traces.length, 'trace')} to be reviewed</h2><p class="s i3 cut">of {experiment}</p></div>
        <div class="in">
          {found.error && <Failed what="The review queues could not be read" error={found.error} retry={found.reload} />}
          <label class="lab">Queue
            <select class="input" autofocus value={into} onChange={(event) => setChosen(event.currentTarget.value)}>
              {queues.map((each) => <option key={each.queue_id} value={each.queue_id}>{each.name}{each.users?.length && each.users.join() !== each.name ? `, for ${each.users.join(', ')}` : ''}</option>)}
              <option value={NEW}>a new one</option>
            </select>
          </label>
          {into === NEW && (
            <>
              <label class="lab">Name<input class="input" autocomplete="off" required maxLength={250} value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
              <label class="lab">Who reviews, with commas<input class="input" autocomplete="off" placeholder="ann, kim" value={users} onInput={(event) => setUsers(event.currentTarget.value)} /></label>
              {asked.data && !questions.length && <p class="s i3">They may say anything. Questions of your own are made with <kbd>{shown('Shift+Q')}</kbd> in the list of traces.</p>}
              {questions.length > 0 && <fieldset class="lab"><legend>What they are asked</legend>{questions.map((each) => <label key={each.schema_id} class="nm"><input type="checkbox" checked={!without.has(each.schema_id)} onChange={() => toggle(each.schema_id)} /> {each.name}</label>)}</fieldset>}
            </>
          )}
        </div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main" disabled={!ready || !found.data}>Put in</button></div>
      </form>
    </Dialog>
  )
}

type Wanted = Known | { experiment_id: string; name: string; queue_type: string; users: string[]; schema_ids: string[] }

/** Put them in; what was in before stays when that is taken back. */
function fill(traces: readonly string[], wanted: Wanted): Promise<boolean> {
  let id = 'queue_id' in wanted ? wanted.queue_id : ''
  const isNew = !id
  let added = traces
  return edit({
    said: `${plural(traces.length, 'trace')} to review in ${wanted.name}`,
    apply: () => undefined,
    send: async () => {
      if (id) {
        const before = await inside(id)
        added = traces.filter((each) => !before.has(each))
      } else {
        id = (await post<{ review_queue: Known }>(`${API}/create`, wanted)).review_queue.queue_id
      }
      await post(`${API}/items/add`, { queue_id: id, item_type: 'TRACE', item_ids: traces })
    },
    revert: () => undefined,
    unsend: async () => {
      if (isNew && may('delete')) await post(`${API}/delete`, { queue_id: id })
      else if (added.length) await post(`${API}/items/remove`, { queue_id: id, item_ids: added })
    },
    to: () => `/traces?queue=${encodeURIComponent(id)}`,
  })
}

async function inside(queue: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  let token: string | undefined
  do {
    const asked: Params = { queue_id: queue, max_results: PAGE, page_token: token }
    const page = await get<{ items?: { item_id: string }[]; next_page_token?: string }>(`${API}/items/list`, asked)
    for (const item of page.items ?? []) found.add(item.item_id)
    token = page.next_page_token || undefined
  } while (token)
  return found
}
