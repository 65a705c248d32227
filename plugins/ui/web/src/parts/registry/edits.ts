/** What can be done in the registry: each shown at once, undone with z, and put back when refused. */
import { del, Failure, get, patch, post } from '../../core/api'
import { about } from '../../core/root'
import { edit, refuse } from '../../core/undo'
import type { Pair, Version } from './answers'

const MODELS = '/api/2.0/mlflow/registered-models'
const VERSIONS = '/api/2.0/mlflow/model-versions'
const OWN = 'registry'
const AUTHOR = 'pegboard.author'

/** Who changes something: the server knows it, or else believes what is typed once. */
export const author = (): string => {
  if (about.user?.name) return about.user.name
  try {
    return localStorage.getItem(AUTHOR) ?? ''
  } catch {
    return ''
  }
}

export const isKnown = (): boolean => Boolean(about.user?.name)

export function setAuthor(name: string): void {
  try {
    localStorage.setItem(AUTHOR, name)
  } catch {
    // A browser that keeps nothing asks again.
  }
}

/** Who and why, as the history of the registry takes it. */
export function because(reason = ''): Record<string, string> {
  const told: Record<string, string> = {}
  if (!isKnown() && author()) told['X-Pegboard-User'] = encodeURIComponent(author())
  if (reason) told['X-Pegboard-Reason'] = encodeURIComponent(reason)
  return told
}

export interface Move {
  kind: 'alias' | 'stage'
  key: string
  version: Version
  /** The version, or the stage, that it goes from. */
  before: string | null
  reason: string
  /** Versions of a stage that go to the archive. */
  archive?: Version[]
}

/** Show where aliases will point; undefined takes that back. */
export type Show = (moves: Record<string, string | null> | undefined) => void

export function moveAlias({ key, version, before, reason }: Move, show: Show, renew: () => void): Promise<boolean> {
  const { name } = version
  return edit({
    said: before ? `${key} moved from v${before} to v${version.version}` : `${key} set to v${version.version}`,
    apply: () => show({ [key]: version.version }),
    send: () => post(`${MODELS}/alias`, { name, alias: key, version: version.version }, because(reason)).then(renew),
    revert: () => show(undefined),
    unsend: async () => {
      try {
        await stillAt(name, key, version.version)
        await (before ? post(`${OWN}/rollback`, { name, alias: key }, because('undone')) : del(`${MODELS}/alias`, { name, alias: key }, because('undone')))
      } finally {
        renew()
      }
    },
  })
}

/** What somebody else has moved meanwhile is not taken back. */
async function stillAt(name: string, alias: string, version: string): Promise<void> {
  const { model_version: now } = await get<{ model_version: Version }>(`${MODELS}/alias`, { name, alias })
  if (now.version !== version) throw new Failure(409, 'MOVED_ON', `Somebody has moved ${alias} to v${now.version} meanwhile.`, 'Nothing was changed.')
}

export const removeAlias = (name: string, alias: string, version: string, show: Show, renew: () => void): Promise<boolean> =>
  edit({
    said: `${alias} removed from v${version}`,
    apply: () => show({ [alias]: null }),
    send: () => del(`${MODELS}/alias`, { name, alias }, because()).then(renew),
    revert: () => show(undefined),
    unsend: () => post(`${MODELS}/alias`, { name, alias, version }, because('undone')).then(renew),
  })

export const rollBack = (name: string, alias: string, from: string, renew: () => void): Promise<boolean> =>
  edit({
    said: `the last move of ${alias} rolled back`,
    apply: () => undefined,
    send: () => post(`${OWN}/rollback`, { name, alias }, because('rolled back')).then(renew),
    revert: () => undefined,
    unsend: () => post(`${MODELS}/alias`, { name, alias, version: from }, because('undone')).then(renew),
  })

export function moveStage({ key, version, before, reason, archive }: Move, renew: () => void): Promise<boolean> {
  const { name } = version
  const go = (each: Version, stage: string, more: object = {}, why = reason) => post(`${VERSIONS}/transition-stage`, { name, version: each.version, stage, ...more }, because(why))
  return edit({
    said: `v${version.version} moved to ${key}`,
    apply: () => undefined,
    send: () => go(version, key, { archive_existing_versions: archive !== undefined }).then(renew),
    revert: () => undefined,
    unsend: async () => {
      await go(version, before ?? 'None', {}, 'undone')
      for (const each of archive ?? []) await go(each, key, {}, 'undone')
      renew()
    },
  })
}

export function approve(version: Version, key: string, on: boolean, renew: () => void): Promise<boolean> {
  const send = (wanted: boolean) => post(`${OWN}/approvals`, { name: version.name, version: version.version, key, withdraw: !wanted }, because()).then(renew)
  return edit({
    said: on ? `approved v${version.version} for ${key}` : `took the approval of v${version.version} for ${key} back`,
    apply: () => undefined,
    send: () => send(on),
    revert: () => undefined,
    unsend: () => send(!on),
  })
}

/** Of a model, or of one of its versions. */
export interface Target {
  name: string
  version?: string
}

const pathOf = (target: Target): string => (target.version ? VERSIONS : MODELS)

export const describe = (target: Target, before: string, after: string, show: (text: string) => void, renew: () => void): Promise<boolean> =>
  edit({
    said: 'description changed',
    apply: () => show(after),
    send: () => patch(`${pathOf(target)}/update`, { ...target, description: after }).then(renew),
    revert: () => show(before),
    unsend: () => patch(`${pathOf(target)}/update`, { ...target, description: before }).then(renew),
  })

/** Set a tag, or remove it (after: null). */
export function setTag(target: Target, key: string, before: string | null, after: string | null, show: (tag: Pair | { key: string; value: null }) => void, renew: () => void): Promise<boolean> {
  const send = (value: string | null) => (value === null ? del(`${pathOf(target)}/delete-tag`, { ...target, key }) : post(`${pathOf(target)}/set-tag`, { ...target, key, value })).then(renew)
  return edit({
    said: after === null ? `tag ${key} removed` : `tag ${key} set to ${after}`,
    apply: () => show({ key, value: after as string }),
    send: () => send(after),
    revert: () => show({ key, value: before as string }),
    unsend: () => send(before),
  })
}

export const rename = (name: string, after: string, go: (name: string) => void): Promise<boolean> =>
  edit({
    said: `renamed ${name} to ${after}`,
    apply: () => undefined,
    send: () => post(`${MODELS}/rename`, { name, new_name: after }, because()).then(() => go(after)),
    revert: () => undefined,
    unsend: () => post(`${MODELS}/rename`, { name: after, new_name: name }, because()).then(() => go(name)),
  })

/** Create something; undefined if it was refused, which is said. */
async function made<T>(what: string, send: () => Promise<T>): Promise<T | undefined> {
  try {
    return await send()
  } catch (error) {
    refuse(what, error)
    return undefined
  }
}

export const createModel = (name: string, description: string): Promise<unknown> =>
  made(`${name} was not created`, () => post(`${MODELS}/create`, { name, description }))

export const createVersion = (name: string, source: string, run: string, description: string): Promise<{ model_version: Version } | undefined> =>
  made('the version was not created', () => sendVersion(name, source, run, description))

function sendVersion(name: string, source: string, run: string, description: string): Promise<{ model_version: Version }> {
  const logged = /^models:\/(m-[\w-]+)$/.exec(source)?.[1]
  const made = run || /^runs:\/([\w-]+)\//.exec(source)?.[1]
  return post(`${VERSIONS}/create`, { name, source, run_id: made, model_id: logged, description }, because())
}

/** Register files under a name, which is made if there is no model of it. */
export const register = (name: string, source: string, run: string): Promise<{ model_version: Version } | undefined> =>
  made(`${name} was not registered`, async () => {
    try {
      await post(`${MODELS}/create`, { name })
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'RESOURCE_ALREADY_EXISTS') throw error
    }
    return sendVersion(name, source, run, '')
  })

export const deleteVersion = (version: Version): Promise<unknown> =>
  made(`v${version.version} was not deleted`, () => del(`${VERSIONS}/delete`, { name: version.name, version: version.version }, because()))

export const deleteModel = (name: string): Promise<unknown> => made(`${name} was not deleted`, () => del(`${MODELS}/delete`, { name }, because()))
