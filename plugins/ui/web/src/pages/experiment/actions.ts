/** What can be done to runs: tag, rename, hide, pin, delete; each shown at once and undone with z. */
import { del, get, post, put } from '../../core/api'
import { plural } from '../../core/format'
import { overrides } from '../../core/pegs'
import { navigate } from '../../core/router'
import { edit } from '../../core/undo'

const MLFLOW = '/api/2.0/mlflow/runs'

export interface Target {
  id: string
  name: string
}

const told = (runs: readonly Target[]): string =>
  runs.length <= 3 ? runs.map((run) => run.name).join(', ') : plural(runs.length, 'run')

const each = (runs: readonly Target[], send: (id: string) => Promise<unknown>): Promise<unknown> =>
  runs.reduce<Promise<unknown>>((before, run) => before.then(() => send(run.id)), Promise.resolve())

/** Delete runs, or bring deleted ones back. */
export const setDeleted = (runs: readonly Target[], deleted: boolean, gone: (ids: string[], on: boolean) => void): Promise<boolean> => {
  const ids = runs.map((run) => run.id)
  const send = (wanted: boolean) => each(runs, (id) => post(`${MLFLOW}/${wanted ? 'delete' : 'restore'}`, { run_id: id }))
  return edit({
    said: `${deleted ? 'deleted' : 'restored'} ${told(runs)}`,
    // Either way they leave the view.
    apply: () => gone(ids, true),
    send: () => send(deleted),
    revert: () => gone(ids, false),
    unsend: () => send(!deleted),
  })
}

const EXPERIMENTS = '/api/2.0/mlflow/experiments'

export const renameExperiment = (id: string, before: string, name: string, renew: () => void): Promise<boolean> =>
  edit({
    said: `renamed ${before} to ${name}`,
    apply: () => undefined,
    send: () => post(`${EXPERIMENTS}/update`, { experiment_id: id, new_name: name }).then(renew),
    revert: renew,
    unsend: () => post(`${EXPERIMENTS}/update`, { experiment_id: id, new_name: before }).then(renew),
  })

/** Delete an experiment with its runs; it can be restored. */
export const deleteExperiment = (id: string, name: string): Promise<boolean> =>
  edit({
    said: `deleted the experiment ${name}`,
    apply: () => undefined,
    send: () => post(`${EXPERIMENTS}/delete`, { experiment_id: id }).then(() => navigate('/')),
    revert: () => undefined,
    unsend: () => post(`${EXPERIMENTS}/restore`, { experiment_id: id }).then(() => navigate(`/experiments/${id}`)),
  })

interface Tagged {
  run: { data: { tags?: { key: string; value: string }[] } }
}

export async function tagRuns(runs: readonly Target[], key: string, value: string, renew: () => void): Promise<boolean> {
  const before = new Map<string, string | undefined>()
  const done = await edit({
    said: `tagged ${told(runs)} with ${key}`,
    apply: () => undefined,
    send: () =>
      each(runs, async (id) => {
        const found = await get<Tagged>(`${MLFLOW}/get`, { run_id: id })
        before.set(id, found.run.data.tags?.find((tag) => tag.key === key)?.value)
        await post(`${MLFLOW}/set-tag`, { run_id: id, key, value })
      }),
    revert: renew,
    unsend: () =>
      each(runs, (id) => {
        const was = before.get(id)
        return was === undefined ? post(`${MLFLOW}/delete-tag`, { run_id: id, key }) : post(`${MLFLOW}/set-tag`, { run_id: id, key, value: was })
      }).then(renew),
  })
  renew()
  return done
}

export const renameRun = (run: Target, name: string, renew: () => void): Promise<boolean> =>
  edit({
    said: `renamed ${run.name} to ${name}`,
    apply: () => undefined,
    send: () => post(`${MLFLOW}/update`, { run_id: run.id, run_name: name }).then(renew),
    revert: renew,
    unsend: () => post(`${MLFLOW}/update`, { run_id: run.id, run_name: run.name }).then(renew),
  })

export function pinRuns(experiment: string, runs: readonly Target[], on: boolean, show: (ids: string[], on: boolean) => void): Promise<boolean> {
  const ids = runs.map((run) => run.id)
  const send = (wanted: boolean) => put('marks', { experiment_id: experiment, pins: Object.fromEntries(ids.map((id) => [id, wanted])) })
  return edit({
    said: `${on ? 'pinned' : 'unpinned'} ${told(runs)}`,
    apply: () => show(ids, on),
    send: () => send(on),
    revert: () => show(ids, !on),
    unsend: () => send(!on),
  })
}

/** Give runs a colour, or none of their own any more (null); a colleague sees the same. */
export function colourRuns(experiment: string, runs: readonly Target[], slot: number | null): Promise<boolean> {
  const before = overrides.peek()
  const wanted = Object.fromEntries(runs.map(({ id }) => [id, slot]))
  const old = Object.fromEntries(runs.map(({ id }) => [id, before[id] ?? null]))
  const show = (colours: Record<string, number | null>) => {
    const next = { ...overrides.peek() }
    for (const [id, each] of Object.entries(colours)) each === null ? delete next[id] : (next[id] = each)
    overrides.value = next
  }
  const send = (colours: Record<string, number | null>) => put('marks', { experiment_id: experiment, colours })
  return edit({ said: `coloured ${told(runs)}`, apply: () => show(wanted), send: () => send(wanted), revert: () => show(old), unsend: () => send(old) })
}

export const saveView = (experiment: string, name: string, view: Record<string, string>): Promise<boolean> =>
  edit({
    said: `saved the view ${name}`,
    apply: () => undefined,
    send: () => put(`views/${encodeURIComponent(name)}`, { experiment_id: experiment, view }),
    revert: () => undefined,
    unsend: () => del(`views/${encodeURIComponent(name)}`, { experiment_id: experiment }),
  })

