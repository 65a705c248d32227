/**
 * Which colour a run has: given in order of selection, the same in every place of the page.
 * Slots 0–9 differ by hue, 10–19 are the same hues dashed, 20–29 dotted; runs beyond have none.
 */
import { computed, signal } from '@preact/signals'

export const SLOTS = 30
export const HUES = 10
/** What the hues are called, in order. */
export const HUE_NAMES = ['violet', 'orange', 'green', 'magenta', 'sky', 'indigo', 'olive', 'rose', 'moss', 'graphite'] as const
/** How many steps the scale of numbers has; they are slots as well, beyond those of runs. */
export const STEPS = 5
const FIRST_STEP = 100
export const stepSlot = (step: number): number => FIRST_STEP + step

/** Runs in the order in which they got their slots; null is a slot that is free. */
export type Given = readonly (string | null)[]

/** Give slots to runs that have none, in their order, while there are any. */
export function assign(given: Given, runs: readonly string[]): Given {
  const next = [...given]
  const known = new Set(given)
  for (const run of runs) {
    if (known.has(run)) continue
    known.add(run)
    const free = next.indexOf(null)
    if (free >= 0) next[free] = run
    else if (next.length < SLOTS) next.push(run)
    else break
  }
  return next
}

/** Give a slot to a run that was picked: a free one, else that of the last run not to be kept. */
export function claim(given: Given, run: string, kept: ReadonlySet<string>): Given {
  if (given.includes(run)) return given
  const next = assign(given, [run])
  if (next.includes(run)) return next
  const taken = [...next]
  for (let slot = taken.length - 1; slot >= 0; slot--) {
    if (!kept.has(taken[slot] ?? '')) {
      taken[slot] = run
      break
    }
  }
  return taken
}

const given = signal<Given>([])
/** Slots that somebody chose for runs, kept with the experiment. */
export const overrides = signal<Readonly<Record<string, number>>>({})
/** Runs that have the colour of a value, in place of one of their own; those that are not in it are grey. */
export const colouring = signal<ReadonlyMap<string, number> | undefined>(undefined)
/** The run that is pointed at, anywhere: it lights up everywhere. */
export const lit = signal('')

const slots = computed(() => {
  const found = new Map<string, number>()
  given.value.forEach((run, slot) => run && found.set(run, slot))
  for (const [run, slot] of Object.entries(overrides.value)) found.set(run, slot)
  return found
})

/** The slot of a run, -1 if it has none; reading it subscribes to changes. */
export const slotOf = (run: string): number => (colouring.value ?? slots.value).get(run) ?? -1

/** Give colours to the runs that a page shows, in the order in which it shows them. */
export function give(runs: readonly string[]): void {
  const next = assign(given.peek(), runs)
  if (next.length !== given.peek().length || next.some((run, i) => run !== given.peek()[i])) given.value = next
}

export function pickColour(run: string, kept: ReadonlySet<string>): void {
  given.value = claim(given.peek(), run, kept)
}

/** Forget all: another experiment begins with the first colour again. */
export function forget(): void {
  given.value = []
  overrides.value = {}
  colouring.value = undefined
}

/** The class that sets --c to a slot's hue; 'cx' (grey) for none. */
export const hueClass = (slot: number): string => (slot < 0 ? 'cx' : slot >= FIRST_STEP ? `q${slot - FIRST_STEP}` : `c${slot % HUES}`)
/** 0 solid, 1 dashed, 2 dotted. */
export const dashOf = (slot: number): 0 | 1 | 2 => (slot < 0 || slot >= FIRST_STEP ? 0 : ((Math.floor(slot / HUES) % 3) as 0 | 1 | 2))
/** The name of the token of a slot's hue, for canvases. */
export const hueToken = (slot: number): string => (slot < 0 ? 'ink-3' : slot >= FIRST_STEP ? `q${slot - FIRST_STEP}` : `r${slot % HUES}`)

export type Shape = 'running' | 'finished' | 'failed' | 'killed' | 'hidden'

/** The shape of a peg: never colour alone. */
export function shapeOf(status: string): Shape {
  switch (status.toUpperCase()) {
    case 'RUNNING':
    case 'SCHEDULED':
      return 'running'
    case 'FAILED':
      return 'failed'
    case 'KILLED':
    case 'LOST':
      return 'killed'
    case 'HIDDEN':
      return 'hidden'
    default:
      return 'finished'
  }
}
