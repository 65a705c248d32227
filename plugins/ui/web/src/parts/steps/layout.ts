/** Where the steps of a graph stand: layers from left to right, and ways around what lies between. Pure. */

export interface Step {
  name: string
  needs: readonly string[]
}

export interface Point {
  x: number
  y: number
}

export interface Placed extends Point {
  name: string
}

export interface Way {
  from: string
  to: string
  /** From the right side of one to the left side of the other. */
  points: Point[]
}

export interface Drawing {
  width: number
  height: number
  nodes: Placed[]
  ways: Way[]
}

export interface Size {
  width: number
  height: number
  gapX: number
  gapY: number
  /** How high the way of an edge that passes a layer is. */
  way: number
}

export const SIZE: Size = { width: 164, height: 44, gapX: 36, gapY: 16, way: 12 }
const SWEEPS = 4

interface Slot {
  name: string
  /** Whether an edge passes here, and no step stands. */
  passes: boolean
  before: Slot[]
  after: Slot[]
}

/** Steps stand right of all that they need. Needs that are not there, and those that lead in a circle, are left out. */
export function layout(steps: readonly Step[], size: Size = SIZE): Drawing {
  const layerOf = layers(steps)
  const slots = new Map<string, Slot>()
  const rows: Slot[][] = []
  const put = (name: string, layer: number, passes: boolean): Slot => {
    const slot = { name, passes, before: [], after: [] }
    ;(rows[layer] ??= []).push(slot)
    return slot
  }
  for (const { name } of steps) if (!slots.has(name)) slots.set(name, put(name, layerOf.get(name)!, false))
  const chains: { from: string; to: string; slots: Slot[] }[] = []
  for (const { name, needs } of steps) {
    for (const need of new Set(needs)) {
      const from = layerOf.get(need)
      const to = layerOf.get(name)!
      if (from === undefined || from >= to) continue
      const chain = [slots.get(need)!]
      for (let layer = from + 1; layer < to; layer++) chain.push(put(`${need} ${name}`, layer, true))
      chain.push(slots.get(name)!)
      for (let i = 1; i < chain.length; i++) {
        chain[i - 1]!.after.push(chain[i]!)
        chain[i]!.before.push(chain[i - 1]!)
      }
      chains.push({ from: need, to: name, slots: chain })
    }
  }
  order(rows)
  return placed(rows, chains, size)
}

/** The layer of each step: one more than the last of those it needs. */
function layers(steps: readonly Step[]): Map<string, number> {
  const needs = new Map(steps.map((step) => [step.name, step.needs]))
  const found = new Map<string, number>()
  const open = new Set<string>()
  // By hand, not by calls: a chain may be long.
  for (const { name: first } of steps) {
    const waiting = [first]
    while (waiting.length) {
      const name = waiting[waiting.length - 1]!
      if (found.has(name)) { waiting.pop(); continue }
      const known = needs.get(name)!.filter((need) => needs.has(need))
      const missing = known.filter((need) => !found.has(need) && !open.has(need))
      if (!open.has(name) && missing.length) {
        open.add(name)
        waiting.push(...missing)
        continue
      }
      found.set(name, known.reduce((most, need) => Math.max(most, (found.get(need) ?? -1) + 1), 0))
      open.delete(name)
      waiting.pop()
    }
  }
  return found
}

/** Sort each layer by where its neighbours stand, so that few edges cross; edges that pass by stand below. */
function order(rows: Slot[][]): void {
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forward = sweep % 2 === 0
    const at = new Map<Slot, number>()
    for (const row of rows) row.forEach((slot, i) => at.set(slot, i))
    for (const row of forward ? rows : [...rows].reverse()) {
      const middle = new Map(row.map((slot, i) => [slot, mean((forward ? slot.before : slot.after).map((each) => at.get(each)!)) ?? i]))
      row.sort((a, b) => Number(a.passes) - Number(b.passes) || middle.get(a)! - middle.get(b)!)
      row.forEach((slot, i) => at.set(slot, i))
    }
  }
}

const mean = (found: number[]): number | undefined => (found.length ? found.reduce((sum, each) => sum + each, 0) / found.length : undefined)

function placed(rows: Slot[][], chains: { from: string; to: string; slots: Slot[] }[], size: Size): Drawing {
  const top = new Map<Slot, Point>()
  let height = 0
  rows.forEach((row, layer) => {
    let y = 0
    for (const slot of row) {
      top.set(slot, { x: layer * (size.width + size.gapX), y })
      y += (slot.passes ? size.way : size.height) + size.gapY
    }
    height = Math.max(height, y - size.gapY)
  })
  const ways = chains.map(({ from, to, slots }) => ({
    from,
    to,
    points: slots.flatMap((slot, i) => {
      const { x, y } = top.get(slot)!
      const middle = y + (slot.passes ? size.way : size.height) / 2
      const ends = [{ x, y: middle }, { x: x + size.width, y: middle }]
      return i === 0 ? ends.slice(1) : i === slots.length - 1 ? ends.slice(0, 1) : ends
    }),
  }))
  const nodes = rows.flat().filter((slot) => !slot.passes).map((slot) => ({ name: slot.name, ...top.get(slot)! }))
  return { width: Math.max(0, rows.length * (size.width + size.gapX) - size.gapX), height: Math.max(0, height), nodes, ways }
}

/** A way as the path of an SVG: curves between layers, straight past what stands in one. */
export function pathOf({ points }: Way): string {
  let path = `M${points[0]!.x} ${points[0]!.y}`
  for (let i = 1; i < points.length; i++) {
    const { x, y } = points[i]!
    const before = points[i - 1]!
    const bend = (x - before.x) / 2
    path += i % 2 ? `C${before.x + bend} ${before.y} ${x - bend} ${y} ${x} ${y}` : `H${x}`
  }
  return path
}
