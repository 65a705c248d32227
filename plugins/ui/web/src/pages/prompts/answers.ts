/** What the server tells of who uses a prompt, and which numbers of it are shown. All of it is pure. */
import { type Num, num } from '../../core/num'

export interface Uses {
  runs: { run_id: string; name: string; status: string }[]
  runs_total: number
  models: { model_id: string; name: string }[]
  traces: { trace_id: string; time: number }[]
  traces_total: number
  /** Means by name. */
  scores: Record<string, Num>
  latency_ms: Num
  cost: Num
  tokens: Num
}

export interface UsesAnswer {
  versions: Record<string, Uses>
}

export interface Figure {
  key: string
  /** 'ms', 'usd' or ''. */
  unit: string
  of: (uses: Uses | undefined) => number | null
  lessIsBetter: boolean
}

const USUAL = /^(latency|first_token|cost|prompt_tokens|completion_tokens|total_tokens)$/

/** Scores that versions have, those of most versions first; then latency and cost. */
export function figuresOf(answer: UsesAnswer | undefined, most: number): Figure[] {
  const all = Object.values(answer?.versions ?? {})
  const counts = new Map<string, number>()
  for (const each of all) for (const key of Object.keys(each.scores)) if (!USUAL.test(key)) counts.set(key, (counts.get(key) ?? 0) + 1)
  const scores: Figure[] = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, most).map(([key]) => ({ key, unit: '', of: (uses) => num(uses?.scores[key] ?? null), lessIsBetter: /error|toxic|latency|cost|loss/.test(key) }))
  // Of traces first: what users met. Else what runs measured, in seconds.
  const latency: Figure = { key: 'latency', unit: 's', of: (uses) => { const ms = num(uses?.latency_ms ?? null); return ms === null ? num(uses?.scores.latency ?? null) : ms / 1000 }, lessIsBetter: true }
  const cost: Figure = { key: 'cost', unit: 'usd', of: (uses) => num(uses?.cost ?? null) ?? num(uses?.scores.cost ?? null), lessIsBetter: true }
  return [...scores, ...[latency, cost].filter((figure) => all.some((uses) => figure.of(uses) !== null))]
}

/** Endpoints of the gateway, of which some fill a prompt: 'NAME@ALIAS', 'NAME/VERSION' or 'NAME'. */
export interface Gateway {
  endpoints: { name: string; prompt?: string; chats?: boolean }[]
  needs_key?: boolean
}

/** Which endpoints serve a version now. */
export const servedBy = (gateway: Gateway | undefined, name: string, version: string, aliases: readonly (readonly [string, string])[], newest: string): string[] => {
  const ways = new Set([`${name}/${version}`, ...aliases.filter(([, held]) => held === version).map(([alias]) => `${name}@${alias}`), ...(version === newest ? [name, `${name}@latest`] : [])])
  return (gateway?.endpoints ?? []).filter((each) => each.prompt && ways.has(each.prompt)).map((each) => each.name)
}

/** How the callers of an alias are shared between versions, as people read it; '' if they are not. */
export function sharesOf(tags: readonly { key: string; value: string }[] = [], alias: string): string {
  try {
    const shares = Object.entries(JSON.parse(tags.find((tag) => tag.key === `pegboard.prompt.traffic.${alias}`)?.value ?? '{}') as Record<string, unknown>).filter((pair): pair is [string, number] => typeof pair[1] === 'number' && pair[1] > 0)
    const all = shares.reduce((sum, [, share]) => sum + share, 0)
    return shares.sort(([a], [b]) => Number(a) - Number(b)).map(([version, share]) => `v${version} ${+((100 * share) / all).toPrecision(3)}%`).join(', ')
  } catch {
    return ''
  }
}
