/** Which numbers of the registry are shown, and what its history says. All of it is pure. */
import { num } from '../../core/api'
import { lessIsBetter } from '../../core/direction'
import type { Change, Rules, Run, Version } from './answers'

export type Direction = 'max' | 'min' | 'none'

/** Metrics that most of the runs have, the headline first. */
export function metricsOf(runs: readonly Run[], headline: string | null, most: number): string[] {
  const counts = new Map<string, number>()
  for (const run of runs) for (const key of Object.keys(run.metrics)) counts.set(key, (counts.get(key) ?? 0) + 1)
  const rank = (key: string) => (key === headline ? 0 : 1)
  return [...counts]
    .sort(([a, n], [b, m]) => rank(a) - rank(b) || m - n || depth(a) - depth(b) || a.length - b.length || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([key]) => key)
}

const depth = (key: string): number => key.split('/').length

/** The metric by which versions are known, where the server did not say it: the first that rises. */
export function headlineOf(runs: readonly Run[]): string | null {
  const all = metricsOf(runs, null, 50)
  return all.find((key) => !lessIsBetter(key) && !/(^|[/_.])(lr|step|epoch)s?$/i.test(key)) ?? all[0] ?? null
}

/** 1 better, -1 worse, 0 the same or unknown. */
export function better(direction: Direction, value: number | null, than: number | null): 1 | 0 | -1 {
  if (value === null || than === null || Number.isNaN(value) || Number.isNaN(than) || value === than || direction === 'none') return 0
  return value > than === (direction === 'max') ? 1 : -1
}

export const metric = (run: Run | undefined, key: string | null): number | null => (run && key ? num(run.metrics[key]) : null)

export interface Segment {
  alias: string
  version: string
  from: number
  /** null: until now. */
  to: number | null
  move: Change | undefined
  /** The move that began it took back the one before it. */
  back: boolean
}

export interface Lane {
  alias: string
  segments: Segment[]
}

/** Which version held which alias, from when to when; `whole`: the history is known from its beginning. */
export function lanesOf(changes: readonly Change[], whole = true): Lane[] {
  const moves = changes.filter((change) => change.kind === 'alias').sort((a, b) => a.number - b.number)
  const lanes = new Map<string, Segment[]>()
  const begin = moves[0]?.timestamp ?? 0
  for (const move of moves) {
    const alias = move.key ?? ''
    let lane = lanes.get(alias)
    if (!lane) {
      lane = []
      lanes.set(alias, lane)
      if (!whole && move.before) lane.push({ alias, version: move.before, from: begin, to: null, move: undefined, back: false })
    }
    const last = lane.at(-1)
    if (last && last.to === null) last.to = move.timestamp
    if (move.after) lane.push({ alias, version: move.after, from: move.timestamp, to: null, move, back: move.undoes !== undefined })
  }
  const held = (lane: Segment[]) => (lane.at(-1)?.to === null ? 0 : 1)
  return [...lanes].map(([alias, segments]) => ({ alias, segments })).sort((a, b) => held(a.segments) - held(b.segments) || order(a.alias) - order(b.alias) || (a.alias < b.alias ? -1 : 1))
}

const KNOWN = ['champion', 'production', 'challenger', 'candidate', 'staging']
/** The champion first, then who challenges it. */
export const order = (alias: string): number => {
  const at = KNOWN.indexOf(alias.toLowerCase())
  return at < 0 ? KNOWN.length : at
}

export const byRank = (a: string, b: string): number => order(a) - order(b) || (a < b ? -1 : 1)

export interface Tick {
  at: number
  label: string
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const HOUR = 3_600_000
const two = (n: number): string => String(n).padStart(2, '0')

export const day = (at: number, now = Date.now()): string => {
  const time = new Date(at)
  const year = time.getFullYear() === new Date(now).getFullYear() ? '' : ` ${time.getFullYear()}`
  return `${time.getDate()} ${MONTHS[time.getMonth()]}${year}`
}

/** Some six places of a time axis, at beginnings of months, days, hours or minutes. */
export function ticks(from: number, to: number): Tick[] {
  const span = Math.max(to - from, 1)
  const steps = [HOUR / 60, HOUR / 12, HOUR / 4, HOUR, 3 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 168 * HOUR]
  const step = steps.find((each) => span / each <= 7)
  const found: Tick[] = []
  if (step !== undefined) {
    const zone = new Date(from).getTimezoneOffset() * 60_000
    for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) {
      const time = new Date(at)
      found.push({ at, label: step < 24 * HOUR ? (time.getHours() || time.getMinutes() ? `${two(time.getHours())}:${two(time.getMinutes())}` : day(at, to)) : day(at, to) })
    }
    return found
  }
  const months = Math.max(1, Math.round(span / (7 * 30 * 24 * HOUR)))
  const time = new Date(from)
  for (let month = time.getMonth() + 1; found.length < 40; month += months) {
    const first = new Date(time.getFullYear(), month, 1)
    if (first.getTime() > to) break
    found.push({ at: first.getTime(), label: first.getMonth() < months ? String(first.getFullYear()) : MONTHS[first.getMonth()]! })
  }
  return found
}

/** Gates that a promotion has to pass; small and capital letters are the same. */
export const gatesOf = (rules: Rules, key: string): string[] =>
  [...new Set(Object.entries(rules.gates).flatMap(([at, gates]) => (at === '*' || at.toLowerCase() === key.toLowerCase() ? gates : [])))]

/** Whether words are in what is known of a version. */
export function fits(version: Version, run: Run | undefined, words: string): boolean {
  const all = [`v${version.version}`, ...(version.aliases ?? []), run?.name ?? '', version.current_stage, version.description, version.user_id ?? '', ...(version.tags ?? []).map((tag) => `${tag.key}=${tag.value}`)].join('\n').toLowerCase()
  return words.toLowerCase().split(/\s+/).every((word) => all.includes(word))
}

/** What a change did, in words: 'champion from v7 to v9'. */
export function told(change: Change): string {
  const { kind, key = '', before, after, version } = change
  switch (kind) {
    case 'alias':
      if (change.undoes !== undefined) return `${key} rolled back from v${before} to v${after}`
      return before && after ? `${key} moved from v${before} to v${after}` : after ? `${key} set to v${after}` : `${key} removed from v${before}`
    case 'stage':
      return `v${version} from ${before} to ${after}`
    case 'approval':
      return after ? `v${version} approved for ${key}` : `approval of v${version} for ${key} taken back`
    case 'version':
      return after === undefined ? `v${version} deleted` : `v${version} registered`
    case 'name':
      return after === undefined ? 'model deleted' : before === undefined ? `named ${after}` : `renamed from ${before} to ${after}`
  }
}

/** The first line of a text in Markdown, without its marks. */
export const firstLine = (text = ''): string => text.split('\n').find((line) => line.trim())?.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/^#+\s*|[*_`]/g, '') ?? ''
