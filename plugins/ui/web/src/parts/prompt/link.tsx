/** Versions of prompts that something names as its own, and the way to them. */
import { href } from '../../core/root'
import { hasRoute } from '../../core/router'
import { promptPath } from './scope'

export interface Named {
  name: string
  version: string
}

export function PromptLink({ name, version }: Named) {
  const to = promptPath(name)
  return hasRoute(to) ? <a class="link" href={href(`${to}?at=${version}`)}>{name} v{version}</a> : <span>{name} v{version}</span>
}

/** What MLflow's tag of linked prompts names; nothing if it is broken. */
export function namedIn(tag: string | undefined): Named[] {
  try {
    const found = JSON.parse(tag ?? '[]') as unknown
    return Array.isArray(found) ? found.flatMap((each: { name?: unknown; version?: unknown } | null) => (each?.name && each.version ? [{ name: String(each.name), version: String(each.version) }] : [])) : []
  } catch {
    return []
  }
}
