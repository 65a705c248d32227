/** The files of a run and of its logged models as a tree, read directory by directory. */
import { signal } from '@preact/signals'
import { Failure, get } from '../../core/api'
import { type Frame, isFrame, nameOf, seriesOf } from './kinds'
import type { Owner } from './source'

export interface Entry {
  path: string
  is_dir: boolean
  size: number | null
}

export interface Root {
  owner: Owner
  /** '' for the run itself. */
  title: string
}

export interface Twig {
  /** Unique: the owner, the path, and for series its key. */
  id: string
  kind: 'root' | 'dir' | 'file' | 'series' | 'note'
  owner: Owner
  path: string
  name: string
  depth: number
  size: number | null
  open?: boolean
  frames?: readonly Frame[]
  /** Why the directory could not be read. */
  error?: Failure
}

interface Listed {
  files?: { path: string; is_dir: boolean; file_size?: number | string }[]
}

const at = (owner: Owner, path: string): string => `${owner.model ?? ''}:${path}`

/** Directories are listed when they are unfolded, and once more when asked. */
export class Tree {
  readonly version = signal(0)
  private lists = new Map<string, { entries?: Entry[]; error?: Failure }>()
  private waiting = new Set<string>()

  constructor(readonly roots: readonly Root[]) {}

  listed(owner: Owner, path: string): Entry[] | undefined {
    return this.lists.get(at(owner, path))?.entries
  }

  async list(owner: Owner, path: string, again = false): Promise<void> {
    const key = at(owner, path)
    if (this.waiting.has(key) || (this.lists.get(key)?.entries && !again)) return
    this.waiting.add(key)
    try {
      const found = owner.model
        ? await get<Listed>(`/api/2.0/mlflow/logged-models/${encodeURIComponent(owner.model)}/artifacts/directories`, { artifact_directory_path: path })
        : await get<Listed>('/api/2.0/mlflow/artifacts/list', { run_id: owner.run, path })
      const entries = (found.files ?? []).map((file) => ({ path: file.path, is_dir: file.is_dir, size: file.file_size === undefined ? null : Number(file.file_size) }))
      this.lists.set(key, { entries: entries.sort((a, b) => Number(b.is_dir) - Number(a.is_dir) || nameOf(a.path).localeCompare(nameOf(b.path), undefined, { numeric: true })) })
    } catch (error) {
      this.lists.set(key, { ...this.lists.get(key), error: error as Failure })
    } finally {
      this.waiting.delete(key)
      this.version.value++
    }
  }

  /** What is seen, from top to bottom, with these directories unfolded. */
  rows(open: ReadonlySet<string>): Twig[] {
    const rows: Twig[] = []
    for (const root of this.roots) {
      if (!root.title) this.below(rows, root.owner, '', 0, open)
      else {
        const id = at(root.owner, '')
        rows.push({ id, kind: 'root', owner: root.owner, path: '', name: root.title, depth: 0, size: null, open: open.has(id) })
        if (open.has(id)) this.below(rows, root.owner, '', 1, open)
      }
    }
    return rows
  }

  private below(rows: Twig[], owner: Owner, path: string, depth: number, open: ReadonlySet<string>): void {
    const { entries, error } = this.lists.get(at(owner, path)) ?? {}
    if (error) rows.push({ id: `${at(owner, path)}!`, kind: 'note', owner, path, name: error.message, depth, size: null, error })
    const series = seriesOf((entries ?? []).map((entry) => entry.path))
    for (const [key, frames] of series) {
      rows.push({ id: `${at(owner, path)}?${key}`, kind: 'series', owner, path, name: key, depth, size: null, frames })
    }
    for (const entry of entries ?? []) {
      if (series.size && isFrame(entry.path)) continue
      const id = at(owner, entry.path)
      const isOpen = entry.is_dir && open.has(id)
      rows.push({ id, kind: entry.is_dir ? 'dir' : 'file', owner, path: entry.path, name: nameOf(entry.path), depth, size: entry.size, open: entry.is_dir ? isOpen : undefined })
      if (isOpen) this.below(rows, owner, entry.path, depth + 1, open)
    }
  }
}
