/** Spans as a tree, what of it is the critical path, and where bars stand. Pure; times in ms. */

/** What `traces/overview` tells of spans: one item a span in each list. */
export interface Columns {
  ids: string[]
  parents: (string | null)[]
  names: string[]
  types: string[]
  status: string[]
  starts: number[]
  ends: (number | null)[]
  firsts: (number | null)[]
  is_model: boolean[]
  models: (string | null)[]
  tokens: (number | null)[]
  costs: (number | null)[]
  notes: string[]
}

export interface Tree {
  /** Places in the columns, as they are listed: each span before those within it. */
  order: number[]
  depth: number[]
  children: number[][]
  /** The span that each is within; -1: none, or one that is not there. */
  parent: number[]
  /** How many spans name one that is not there as theirs. */
  orphans: number
}

/** Put spans below each other; those in a circle, or below what is missing, stand at the top. */
export function treeOf(spans: Columns): Tree {
  const at = new Map(spans.ids.map((id, i) => [id, i]))
  const n = spans.ids.length
  const parent = spans.parents.map((id) => (id === null ? -1 : (at.get(id) ?? -1)))
  const children: number[][] = Array.from({ length: n }, () => [])
  const roots: number[] = []
  let orphans = 0
  for (let i = 0; i < n; i++) {
    const above = parent[i]!
    if (above >= 0 && above !== i) children[above]!.push(i)
    else {
      roots.push(i)
      if (spans.parents[i]) orphans++
    }
  }
  const byStart = (a: number, b: number): number => spans.starts[a]! - spans.starts[b]! || a - b
  for (const each of [roots, ...children]) if (each.length > 1) each.sort(byStart)
  const order: number[] = []
  const depth = new Array<number>(n).fill(0)
  const seen = new Array<boolean>(n).fill(false)
  const walk = (root: number): void => {
    const waiting = [root]
    while (waiting.length) {
      const i = waiting.pop()!
      if (seen[i]) continue
      seen[i] = true
      order.push(i)
      for (const child of [...children[i]!].reverse()) {
        if (seen[child]) continue
        depth[child] = depth[i]! + 1
        waiting.push(child)
      }
    }
  }
  for (const root of roots) walk(root)
  for (let i = 0; i < n; i++) if (!seen[i]) walk(i)
  return { order, depth, children, parent, orphans }
}

/** When all is over; what is open ends now. */
export const endOf = (spans: Columns, i: number, now: number): number => spans.ends[i] ?? Math.max(now, spans.starts[i]!)

/** A span that only holds others; a model's own work counts even if it calls tools. */
export const isBox = (spans: Columns, tree: Tree, i: number): boolean => tree.children[i]!.length > 0 && !spans.is_model[i]

export interface Critical {
  on: boolean[]
  /** How long work took on the path, and how much of that in models. */
  work: number
  inModels: number
}

/** By how much of itself a span may reach into the next one and still be waited for: clocks differ. */
const OVERLAP = 0.05

/**
 * The chain of spans that the end waited for: from each end back to the child that ended last, and
 * from its start on to the one that ended last before it.
 */
export function criticalPath(spans: Columns, tree: Tree, now: number): Critical {
  const on = new Array<boolean>(spans.ids.length).fill(false)
  const end = spans.ids.map((_, i) => endOf(spans, i, now))
  const roots = tree.order.filter((i) => tree.depth[i] === 0)
  const waiting: number[] = []
  const follow = (among: readonly number[], until: number): void => {
    const byEnd = [...among].sort((a, b) => end[b]! - end[a]! || spans.starts[a]! - spans.starts[b]!)
    let cursor = until
    for (const i of byEnd) {
      if (end[i]! - cursor > OVERLAP * (end[i]! - spans.starts[i]!) + 1e-6 || on[i]) continue
      on[i] = true
      waiting.push(i)
      cursor = Math.min(cursor, spans.starts[i]!)
    }
  }
  follow(roots, Math.max(0, ...roots.map((i) => end[i]!)))
  while (waiting.length) {
    const i = waiting.pop()!
    follow(tree.children[i]!, end[i]!)
  }
  let work = 0
  let inModels = 0
  on.forEach((is, i) => {
    if (!is || isBox(spans, tree, i) || withinModel(spans, tree, i)) return
    const took = end[i]! - spans.starts[i]!
    work += took
    if (spans.is_model[i]) inModels += took
  })
  return { on, work, inModels }
}

function withinModel(spans: Columns, tree: Tree, i: number): boolean {
  const seen = new Set<number>()
  for (let above = tree.parent[i]!; above >= 0 && !seen.has(above); above = tree.parent[above]!) {
    if (spans.is_model[above]) return true
    seen.add(above)
  }
  return false
}

/** The work that took longest; -1 if there is none beside the whole. */
export function slowest(spans: Columns, tree: Tree, now: number): number {
  let found = -1
  let longest = 0
  for (const i of tree.order) {
    if (isBox(spans, tree, i)) continue
    const took = endOf(spans, i, now) - spans.starts[i]!
    if (took > longest) [found, longest] = [i, took]
  }
  return spans.ids.length > 1 ? found : -1
}

/** The rows that are shown when some spans are folded. */
export function rowsOf(tree: Tree, folded: ReadonlySet<number>): number[] {
  const rows: number[] = []
  let below = Infinity
  for (const i of tree.order) {
    if (tree.depth[i]! > below) continue
    below = folded.has(i) ? tree.depth[i]! : Infinity
    rows.push(i)
  }
  return rows
}

/** Steps of 1, 2 or 5 times a power of ten, at most `most` of them in a time. */
export function ticks(from: number, to: number, most = 5): { step: number; at: number[] } {
  const length = Math.max(to - from, 1e-3)
  const power = 10 ** Math.floor(Math.log10(length / most))
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => length / each <= most) ?? length
  const at: number[] = []
  for (let tick = Math.ceil(from / step - 1e-9); tick * step <= to + step * 1e-6; tick++) at.push(tick * step)
  return { step, at }
}

/** A time as it stands beside a bar: 3.20 s, 860 ms, 0.4 ms, 2 m 05 s. */
export function took(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–'
  if (ms >= 3_600_000) return `${Math.floor(ms / 3_600_000)} h ${String(Math.floor((ms % 3_600_000) / 60_000)).padStart(2, '0')} m`
  if (ms >= 60_000) return `${Math.floor(ms / 60_000)} m ${String(Math.floor((ms % 60_000) / 1000)).padStart(2, '0')} s`
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`
  return ms >= 1 || ms === 0 ? `${Math.round(ms)} ms` : `${ms.toPrecision(1)} ms`
}

/** A time on the axis, without more digits than its step needs. */
export function tickText(ms: number, step: number): string {
  if (ms === 0) return '0'
  if (step >= 60_000) return `${+(ms / 60_000).toFixed(1)} min`
  if (step >= 100) return `${+(ms / 1000).toFixed(step >= 1000 ? 0 : 1)} s`
  return `${+ms.toFixed(step >= 1 ? 0 : 3)} ms`
}

/** What something cost. */
export function dollars(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  return value === 0 ? '$0' : value >= 1 ? `$${value.toFixed(2)}` : `$${+value.toPrecision(3)}`
}
