/** The rows of the table: pages of columns, fetched as they come into sight, renewed as they change. */
import { batch, signal } from '@preact/signals'
import { ahead, type Failure, get, type Num, type Params, shared } from '../../core/api'
import { tell } from '../../core/told'

export const PAGE = 100
/** How many pages an answer has at the most: the server gives 500 rows. */
const MOST_AT_ONCE = 5
/** For how many steps of a scroll rows are to be here before they are seen. */
const LOOKS_AHEAD = 16

export interface Heads {
  total: number
  matched: number
  live: number
  rows: number
  revision: number
  asked: string[]
  chosen: string[]
}

export interface Page extends Heads {
  ids: string[]
  names: string[]
  status: string[]
  parents: (string | null)[]
  depth: number[]
  children: number[]
  dimmed: boolean[]
  experiments: string[]
  cols: Record<string, (Num | string)[]>
  spark: Record<string, Num[]>
  unchanged?: boolean
}

export type Cell = Num | string | undefined

/** One row, read from the columns of its page. */
export interface RunRow {
  kind: 'run'
  id: string
  name: string
  status: string
  experiment: string
  depth: number
  children: number
  dimmed: boolean
  /** The last one of those below the same run, as far as is known. */
  isLast: boolean
  cell: (column: string) => Cell
  spark: Num[] | undefined
}

export interface Name {
  name: string
  depth: number
  children: number
}

export interface Figures {
  count: number
  min: Num
  mean: Num
  max: Num
}

export interface Group {
  value: Cell
  runs: number
  live: number
  cols: Record<string, Figures>
}

export interface GroupRow {
  kind: 'group'
  group: Group
  isOpen: boolean
}

export type Row = RunRow | GroupRow

/** What asks for rows: everything but the place of the page. */
export interface Query {
  experiment_ids: string[]
  q: string
  sort: string
  cols: string[]
  tree: boolean
  open: string[]
  spark: string
  group?: string
  within?: string
  /** Which runs: 'deleted', or nothing for all others. */
  view?: 'deleted'
}

/** Ask for the first page of a query, which `Rows` then takes. */
export const firstPage = (query: Query): void => ahead('runs/table', new Rows(query).params(0, 1))

/** Pages of one query. Reading `version` subscribes to whatever changes. */
export class Rows {
  readonly version = signal(0)
  readonly heads = signal<Heads | undefined>(undefined)
  readonly error = signal<Failure | undefined>(undefined)
  /** How many rows came or moved while they were held back. */
  readonly news = signal(0)
  /** Cells that were just changed: 'run column' to the revision that changed them. */
  readonly flashes = new Map<string, number>()
  private pages = new Map<number, Page>()
  private top: Page | undefined
  private waiting = new Map<number, Page>()
  private flying = new Map<number, AbortController>()
  private seen = { first: 0, end: PAGE }
  private closed = false

  constructor(readonly query: Query) {}

  get count(): number {
    return this.heads.value?.rows ?? 0
  }

  /** The page that widths, formats and colours come from: the first one. */
  get sample(): Page | undefined {
    return this.top
  }

  get ids(): readonly string[] {
    return this.top?.ids ?? []
  }

  /** Some values of a column, for its width and format. */
  values(column: string): readonly Cell[] {
    return this.top?.cols[column] ?? []
  }

  /** The runs that are here, and what they have in a column. */
  *cells(column: string): Generator<readonly [string, Cell]> {
    for (const { ids, cols } of this.pages.values()) for (let i = 0; i < ids.length; i++) yield [ids[i]!, cols[column]?.[i]]
  }

  names(): Name[] {
    const page = this.top
    return page?.names.map((name, i) => ({ name, depth: page.depth[i] ?? 0, children: page.children[i] ?? 0 })) ?? []
  }

  at(index: number): RunRow | undefined {
    const page = this.pages.get(Math.floor(index / PAGE))
    const i = index % PAGE
    const id = page?.ids[i]
    if (!page || id === undefined) return undefined
    const depth = page.depth[i] ?? 0
    return {
      kind: 'run', id, name: page.names[i] ?? '', status: page.status[i] ?? '', experiment: page.experiments[i] ?? '',
      depth, children: page.children[i] ?? 0, dimmed: page.dimmed[i] ?? false,
      isLast: (page.depth[i + 1] ?? 0) < depth, cell: (column) => page.cols[column]?.[i], spark: page.spark[id],
    }
  }

  indexOf(id: string): number {
    for (const [number, page] of this.pages) {
      const i = page.ids.indexOf(id)
      if (i >= 0) return number * PAGE + i
    }
    return -1
  }

  /** Ask for what is in sight and not here yet. */
  want(first: number, end: number): void {
    const step = first - this.seen.first
    this.seen = { first, end }
    const from = Math.floor(first / PAGE)
    const to = Math.floor(Math.max(first, end - 1) / PAGE)
    // The next pages are here before they are seen, more of them the faster somebody scrolls; the
    // first load needs no more than it shows.
    const ahead = first > 0 ? Math.min(2 * MOST_AT_ONCE, Math.max(1, Math.ceil((Math.abs(step) * LOOKS_AHEAD) / PAGE))) : 0
    const [low, high] = step >= 0 ? [from, to + ahead] : [from - ahead, to]
    // Who scrolls fast does not wait for what went by.
    for (const [number, abort] of this.flying) if (number < low - MOST_AT_ONCE || number > high + MOST_AT_ONCE) abort.abort()
    // Not page by page: what is ahead is asked for again once half of it is used up.
    const half = Math.ceil(ahead / 2)
    const soon = step >= 0 ? [from, to + half] : [from - half, to]
    const lacks = Array.from({ length: high - low + 1 }, (_, i) => low + i).filter((number) => this.isWanted(number))
    if (!lacks.some((number) => number >= soon[0]! && number <= soon[1]!)) return
    for (let i = 0; i < lacks.length; ) {
      let n = 1
      while (n < MOST_AT_ONCE && lacks[i + n] === lacks[i]! + n) n++
      void this.fetch(lacks[i]!, false, n)
      i += n
    }
  }

  /** Somebody is about to scroll: the next pages come now. */
  expect(): void {
    const next = Math.floor(Math.max(this.seen.first, this.seen.end - 1) / PAGE) + 1
    let n = 0
    while (n < MOST_AT_ONCE && this.isWanted(next + n)) n++
    if (n) void this.fetch(next, false, n)
  }

  private isWanted(number: number): boolean {
    return number >= 0 && !this.pages.has(number) && !this.flying.has(number) && number * PAGE <= Math.max(0, this.count)
  }

  /** Ask again for what is in sight; `hold`: nothing may move. */
  async renew(hold: boolean): Promise<void> {
    const from = Math.floor(this.seen.first / PAGE)
    const to = Math.floor(Math.max(this.seen.first, this.seen.end - 1) / PAGE)
    // What is out of sight is asked for when it is seen again.
    for (const number of [...this.pages.keys()]) if (number < from || number > to) this.pages.delete(number)
    for (let number = from; number <= to; number++) if (!this.flying.has(number)) await this.fetch(number, hold)
  }

  /** Show what was held back. */
  release(): void {
    batch(() => {
      for (const [number, page] of this.waiting) this.put(number, page)
      this.waiting.clear()
      this.news.value = 0
    })
  }

  close(): void {
    this.closed = true
    for (const abort of this.flying.values()) abort.abort()
  }

  params(number: number, pages: number): Params {
    const { query } = this
    const known = this.heads.peek()?.chosen
    return {
      experiment_ids: query.experiment_ids, q: query.q, sort: query.sort, group: query.group, within: query.within, view: query.view,
      // What the server chose for the first page holds for all of them.
      cols: query.cols.length ? query.cols : number ? known : [],
      tree: query.tree || undefined, open: query.open, spark: query.spark, offset: number * PAGE || undefined, limit: pages * PAGE,
    }
  }

  /** Ask for a page, or a few that follow each other at once. */
  private async fetch(number: number, hold: boolean, pages = 1): Promise<void> {
    const abort = new AbortController()
    const numbers = Array.from({ length: pages }, (_, i) => number + i)
    for (const each of numbers) this.flying.set(each, abort)
    try {
      // The first one may be on its way already.
      const ask = this.heads.peek() ? get : shared
      const found = await ask<Page>('runs/table', this.params(number, pages), abort.signal)
      if (this.closed || found === this.pages.get(number)) return
      if (found.ids) tell(found)
      batch(() => {
        for (const each of numbers) {
          const page = pages === 1 ? found : partOf(found, (each - number) * PAGE)
          if (each === number || page.ids.length) this.take(each, page, hold)
        }
      })
    } catch (error) {
      if (!abort.signal.aborted) this.error.value = error as Failure
    } finally {
      for (const each of numbers) if (this.flying.get(each) === abort) this.flying.delete(each)
    }
  }

  private take(number: number, page: Page, hold: boolean): void {
    const before = this.pages.get(number)
    this.error.value = undefined
    const moved = before && (before.ids.length !== page.ids.length || before.ids.some((id, i) => id !== page.ids[i]))
    if (before) this.mark(before, page)
    if (moved && hold) {
      this.waiting.set(number, page)
      const known = new Set(before.ids)
      batch(() => {
        this.put(number, inPlace(before, page))
        this.news.value = page.ids.filter((id) => !known.has(id)).length || 1
      })
    } else this.put(number, page)
  }

  private put(number: number, page: Page): void {
    batch(() => {
      this.pages.set(number, page)
      if (number === 0 || !this.top) this.top = page
      const { total, matched, live, rows, revision, asked, chosen } = page
      this.heads.value = { total, matched, live, rows, revision, asked, chosen }
      this.version.value++
    })
  }

  /** Note which cells changed. */
  private mark(before: Page, after: Page): void {
    const places = new Map(before.ids.map((id, i) => [id, i]))
    after.ids.forEach((id, i) => {
      const was = places.get(id)
      if (was === undefined) return
      for (const column of after.chosen) {
        if (before.cols[column] && before.cols[column][was] !== after.cols[column]?.[i]) this.flashes.set(`${id} ${column}`, after.revision)
      }
    })
  }
}

/** One page of an answer that has several. */
function partOf(found: Page, from: number): Page {
  const cut = <T>(values: readonly T[]): T[] => values.slice(from, from + PAGE)
  const { ids, names, status, parents, depth, children, dimmed, experiments, cols } = found
  return {
    ...found, ids: cut(ids), names: cut(names), status: cut(status), parents: cut(parents), depth: cut(depth), children: cut(children),
    dimmed: cut(dimmed), experiments: cut(experiments), cols: Object.fromEntries(Object.entries(cols).map(([column, values]) => [column, cut(values)])),
  }
}

/** New values in the old order, for rows that must not move. */
function inPlace(before: Page, after: Page): Page {
  const places = new Map(after.ids.map((id, i) => [id, i]))
  const merged: Page = { ...before, cols: {}, spark: { ...before.spark, ...after.spark }, live: after.live, matched: after.matched, total: after.total, revision: after.revision }
  merged.status = before.ids.map((id, i) => after.status[places.get(id) ?? -1] ?? before.status[i] ?? '')
  for (const [column, values] of Object.entries(before.cols)) {
    merged.cols[column] = values.map((value, i) => {
      const place = places.get(before.ids[i] ?? '')
      return place === undefined ? value : (after.cols[column]?.[place] ?? value)
    })
  }
  return merged
}

interface GroupsAnswer extends Heads {
  groups: Group[]
}

/** Groups, and the runs of those that are open. */
export class Groups {
  readonly version = signal(0)
  readonly heads = signal<Heads | undefined>(undefined)
  readonly error = signal<Failure | undefined>(undefined)
  private groups: Group[] = []
  private inner = new Map<string, Rows>()
  private closed = false

  constructor(readonly query: Query, private open: ReadonlySet<string>) {
    void this.load()
  }

  async load(): Promise<void> {
    const { experiment_ids, q, sort, cols, group, view } = this.query
    try {
      const found = await get<GroupsAnswer>('runs/table', { experiment_ids, q, sort, cols, group, view, limit: 500 })
      if (this.closed) return
      batch(() => {
        this.groups = found.groups
        this.error.value = undefined
        this.heads.value = found
        this.sync()
        this.version.value++
      })
    } catch (error) {
      this.error.value = error as Failure
    }
  }

  toggle(open: ReadonlySet<string>): void {
    this.open = open
    this.sync()
    this.version.value++
  }

  private sync(): void {
    for (const group of this.groups) {
      const key = keyOf(group.value)
      if (this.open.has(key) && !this.inner.has(key)) {
        const rows = new Rows({ ...this.query, within: key })
        rows.version.subscribe(() => this.version.value++)
        this.inner.set(key, rows)
        rows.want(0, PAGE)
      }
    }
  }

  get all(): readonly Group[] {
    return this.groups
  }

  get count(): number {
    void this.version.value
    return this.groups.reduce((sum, group) => sum + 1 + this.inside(group), 0)
  }

  get sample(): unknown {
    return this.version.value
  }

  get ids(): readonly string[] {
    return [...this.inner.values()].flatMap((rows) => rows.ids)
  }

  private inside(group: Group): number {
    const key = keyOf(group.value)
    return this.open.has(key) ? (this.inner.get(key)?.count ?? 0) : 0
  }

  at(index: number): Row | undefined {
    for (const group of this.groups) {
      const key = keyOf(group.value)
      if (index === 0) return { kind: 'group', group, isOpen: this.open.has(key) }
      const inside = this.inside(group)
      if (index <= inside) {
        const row = this.inner.get(key)?.at(index - 1)
        return row && { ...row, depth: row.depth + 1, isLast: index === inside }
      }
      index -= 1 + inside
    }
    return undefined
  }

  values(column: string): readonly Cell[] {
    return [...this.groups.flatMap((group) => group.cols[column]?.mean ?? []), ...[...this.inner.values()].flatMap((rows) => rows.values(column))]
  }

  *cells(column: string): Generator<readonly [string, Cell]> {
    for (const rows of this.inner.values()) yield* rows.cells(column)
  }

  names(): Name[] {
    return [...this.groups.map((group) => ({ name: textOf(group.value), depth: 0, children: group.runs })), ...[...this.inner.values()].flatMap((rows) => rows.names())]
  }

  indexOf(id: string): number {
    for (let index = 0; index < this.count; index++) {
      const row = this.at(index)
      if (row?.kind === 'run' && row.id === id) return index
    }
    return -1
  }

  want(first: number, end: number): void {
    let start = 0
    for (const group of this.groups) {
      const inside = this.inside(group)
      const from = Math.max(0, first - start - 1)
      const to = Math.min(inside, end - start - 1)
      if (inside && to > from) this.inner.get(keyOf(group.value))?.want(from, to)
      start += 1 + inside
    }
  }

  async renew(hold: boolean): Promise<void> {
    await this.load()
    for (const [key, rows] of this.inner) if (this.open.has(key)) await rows.renew(hold)
  }

  readonly news = signal(0)
  readonly flashes = new Map<string, number>()
  release(): void {}
  expect(): void {}

  close(): void {
    this.closed = true
    for (const rows of this.inner.values()) rows.close()
  }
}

/** The value of a group as an address and the server take it: JSON. */
export const keyOf = (value: Cell): string => JSON.stringify(value ?? null)
export const textOf = (value: Cell): string => (value === null || value === undefined ? 'none' : String(value))

export type Source = Rows | Groups
