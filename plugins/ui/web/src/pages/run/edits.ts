/** What can be done to the run: shown at once, undone with z. */
import { del, Failure, get, post } from '../../core/api'
import { edit, refuse } from '../../core/undo'
import { lastPoint, NOTE, type Overview } from './data'

const RUNS = '/api/2.0/mlflow/runs'

interface Found {
  run: { data: { tags?: { key: string; value: string }[] } }
}

/** A tag as the server has it now; undefined: there is none. */
export async function tagNow(id: string, key: string): Promise<string | undefined> {
  // Asked anew: what is remembered may be what somebody has changed meanwhile.
  const found = await get<Found>(`${RUNS}/get`, { run_id: id })
  return found.run.data.tags?.find((tag) => tag.key === key)?.value
}

export const sendTag = (id: string, key: string, value: string | undefined): Promise<unknown> =>
  value === undefined ? post(`${RUNS}/delete-tag`, { run_id: id, key }) : post(`${RUNS}/set-tag`, { run_id: id, key, value })

/** Set a tag, or take it away with undefined. */
export function editTag(run: Overview, key: string, value: string | undefined, show: (tags: Record<string, string | undefined>) => void): Promise<boolean> {
  const id = run.info.run_id
  const before = run.tags[key]
  const what = key === NOTE ? 'the note' : key
  return edit({
    said: value === undefined ? `removed ${what}` : before === undefined ? `added ${what}` : `changed ${what}`,
    apply: () => show({ [key]: value }),
    send: () => sendTag(id, key, value),
    revert: () => show({ [key]: before }),
    unsend: () => sendTag(id, key, before),
  })
}

export function rename(run: Overview, name: string, show: (name: string) => void): Promise<boolean> {
  const { run_id, name: before } = run.info
  const send = (wanted: string) => post(`${RUNS}/update`, { run_id, run_name: wanted })
  return edit({ said: `renamed ${before} to ${name}`, apply: () => show(name), send: () => send(name), revert: () => show(before), unsend: () => send(before) })
}

/** End a run whose client is gone. Taken back, it is open again, for a client that comes back. */
export function end(run: Overview, status: 'FINISHED' | 'KILLED', show: (status: string) => void): Promise<boolean> {
  const { run_id, name, status: before } = run.info
  return edit({
    said: `marked ${name} as ${status.toLowerCase()}`,
    apply: () => show(status),
    send: () => post(`${RUNS}/update`, { run_id, status, end_time: Math.max(lastPoint(run), run.info.start_time) }),
    revert: () => show(before),
    unsend: () => post(`${RUNS}/update`, { run_id, status: 'RUNNING' }),
  })
}

/** Delete the run, or bring it back; both can be undone. */
export function setDeleted(run: Overview, deleted: boolean, show: (deleted: boolean) => void): Promise<boolean> {
  const { run_id, name } = run.info
  const send = (wanted: boolean) => post(`${RUNS}/${wanted ? 'delete' : 'restore'}`, { run_id })
  return edit({ said: `${deleted ? 'deleted' : 'restored'} ${name}`, apply: () => show(deleted), send: () => send(deleted), revert: () => show(!deleted), unsend: () => send(!deleted) })
}

const MODELS = '/api/2.0/mlflow'

/** Make a version of a registered model, which is made too if there is none of that name; `isKnown`: there is one. */
export async function register(name: string, isKnown: boolean, source: { uri: string; run: string; model?: string }, mayDelete: boolean, changed: () => void): Promise<string | undefined> {
  let version = ''
  let isNew = false
  const send = async () => {
    // Who types fast is here before the names are; the server knows them.
    if (!isKnown) isNew = await post(`${MODELS}/registered-models/create`, { name }).then(() => true, isThere)
    const made = await post<{ model_version: { version: string } }>(`${MODELS}/model-versions/create`, { name, source: source.uri, run_id: source.run, model_id: source.model })
    version = made.model_version.version
  }
  const unsend = async () => {
    await del(`${MODELS}/model-versions/delete`, { name, version })
    if (isNew) await del(`${MODELS}/registered-models/delete`, { name })
    changed()
  }
  const done = await edit({ said: `registered as ${name}`, apply: () => undefined, send, revert: () => undefined, unsend: mayDelete ? unsend : undefined, to: () => `/models/${encodeURIComponent(name)}/${version}` })
  return done ? version : undefined
}

function isThere(error: unknown): false {
  if (error instanceof Failure && error.code === 'RESOURCE_ALREADY_EXISTS') return false
  throw error
}

export { refuse }
