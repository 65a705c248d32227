/** The lines of a chart: which run, what colour, how strong, in which order. */
import { signal } from '@preact/signals'
import { type Num, num } from '../../core/api'
import { lessIsBetter } from '../../core/direction'
import { colouring, dashOf, hueToken, slotOf } from '../../core/pegs'
import { colour, isDark } from '../../core/theme'
import type { Ink, Line, Odd } from './paint'
import { type BandJson, decode, decoded, type SeriesJson } from './series'

export interface ChartRun {
  id: string
  name: string
  status: string
}

/** Beyond so many lines, only the best, the pinned and the one that is pointed at have a colour. */
export const MOST_COLOURED = 30
const FADED = 0.35

/** A canvas does not draw itself again when a font arrives. */
const fonts = signal(0)
void document.fonts.load('11px "IBM Plex Mono"').then(() => fonts.value++, () => undefined)

let ink: { key: string; ink: Ink } | undefined

/** The colours of the theme, for a canvas; reading them subscribes to the theme. */
export function inkOf(): Ink {
  const key = `${fonts.value} ${isDark()}`
  if (ink?.key !== key) {
    const mono = getComputedStyle(document.documentElement).getPropertyValue('--mono').trim() || 'monospace'
    const [surface, hair, line, edge, ink1, ink2, ink3, bad] = ['surface', 'hair', 'line', 'edge', 'ink', 'ink-2', 'ink-3', 'bad'].map(colour) as string[]
    hues.clear()
    ink = { key, ink: { surface: surface!, hair: hair!, line: line!, edge: edge!, ink: ink1!, ink2: ink2!, ink3: ink3!, bad: bad!, mono } }
  }
  return ink.ink
}

const hues = new Map<string, string>()
export function hue(token: string): string {
  inkOf()
  let found = hues.get(token)
  if (found === undefined) hues.set(token, (found = colour(token)))
  return found
}

export const lastOf = (series: SeriesJson): number | null => num(series.last?.value as Num)

/** Orders values: the best first, what is no number last. */
export function byBest(key: string): (a: number | null | undefined, b: number | null | undefined) => number {
  const sign = lessIsBetter(key) ? 1 : -1
  const worth = (value: number | null | undefined) => (value === null || value === undefined || Number.isNaN(value) ? Infinity : sign * value)
  return (a, b) => {
    const [x, y] = [worth(a), worth(b)]
    return x === y ? 0 : x - y
  }
}

export interface Choice {
  runs: readonly ChartRun[]
  keys: readonly string[]
  /** Runs in grey: what the others are compared with. */
  quiet: readonly string[]
  pinned: readonly string[]
  lit: string
}

/** Lines of the series, the best first. */
export function linesOf(series: readonly SeriesJson[], { runs, keys, quiet, pinned, lit }: Choice): Line[] {
  const byId = new Map(runs.map((run) => [run.id, run]))
  const better = byBest(keys[0] ?? '')
  const known = series.filter((each) => byId.has(each.run_id) && keys.includes(each.key))
  // What the others are compared with lies behind them.
  const ranked = [...known].sort((a, b) => Number(quiet.includes(a.run_id)) - Number(quiet.includes(b.run_id)) || keys.indexOf(a.key) - keys.indexOf(b.key) || better(lastOf(a), lastOf(b)))
  const byValue = colouring.value !== undefined
  const many = ranked.length > MOST_COLOURED && !byValue
  const best = ranked[0]?.run_id
  return ranked.map((each) => {
    const run = each.run_id
    const slot = slotOf(run)
    const keyIndex = keys.indexOf(each.key)
    const grey = quiet.includes(run)
    const plain = many && run !== best && run !== lit && !pinned.includes(run)
    const name = byId.get(run)!.name || run.slice(0, 8)
    return {
      run, name: keys.length > 1 ? (runs.length > 1 ? `${name} ${each.key}` : each.key) : name,
      colour: plain ? hue('ink-3') : grey ? hue('ink-2') : many && slot < 0 ? hue('accent') : hue(hueToken(slot)),
      dash: keys.length > 1 ? ((keyIndex % 3) as 0 | 1 | 2) : plain || grey ? 0 : dashOf(slot),
      ...decoded(each), alpha: plain ? FADED : 1, named: !plain && (ranked.length <= MOST_COLOURED || run === best || run === lit || pinned.includes(run)),
    }
  })
}

const bands = new WeakMap<BandJson, Omit<Line, 'colour' | 'dash'>>()

/** Lines of groups: the mean, in a band from the least to the greatest. */
export function bandsOf(groups: readonly BandJson[], group: string): Line[] {
  const title = group.slice(group.indexOf('.') + 1)
  const better = byBest(groups[0]?.key ?? '')
  const made = groups.map((each, i) => {
    let found = bands.get(each)
    if (!found) {
      const x = decode(each.x)
      found = { run: `group ${each.value}`, name: `${title} ${each.value ?? '–'}`, main: { x, y: decode(each.mean) }, band: { x, min: decode(each.min), max: decode(each.max) }, alpha: 1, named: true }
      bands.set(each, found)
    }
    return { ...found, colour: i < MOST_COLOURED ? hue(hueToken(i)) : hue('ink-3'), dash: dashOf(i < MOST_COLOURED ? i : -1) }
  })
  return made.sort((a, b) => better(a.main.y.at(-1), b.main.y.at(-1)))
}

/** Places of values that are no numbers. */
export function oddOf(series: readonly SeriesJson[], nameOf: (run: string) => string): Odd[] {
  const found: Odd[] = []
  for (const each of series) for (const kind of ['nan', 'inf', 'neginf'] as const) for (const x of each[kind].x) found.push({ kind, x, name: nameOf(each.run_id) })
  return found.sort((a, b) => a.x - b.x)
}

/** How many values of a kind there are. */
export const oddCount = (series: readonly SeriesJson[]): number => series.reduce((sum, each) => sum + each.nan.count + each.inf.count + each.neginf.count, 0)
