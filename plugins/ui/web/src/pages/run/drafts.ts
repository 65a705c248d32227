/** Notes that are being written. */
import { NOTE, type Overview } from './data'

export interface Draft {
  /** What the note was when the writing began. */
  base: string
  text: string
}

const place = (id: string): string => `pegboard.note.${id}`

/** What was being written survives a reload and a server that is gone. */
export function kept(id: string): Draft | undefined {
  try {
    const found = sessionStorage.getItem(place(id))
    return found ? (JSON.parse(found) as Draft) : undefined
  } catch {
    return undefined
  }
}

export function keep(id: string, draft: Draft | undefined): void {
  try {
    if (draft) sessionStorage.setItem(place(id), JSON.stringify(draft))
    else sessionStorage.removeItem(place(id))
  } catch {
    // Then it lives as long as the page.
  }
}

/** Begin to write, from another part of the page: the box is open when the overview comes. */
export function beginNote(run: Overview): void {
  const saved = run.tags[NOTE] ?? ''
  if (!kept(run.info.run_id)) keep(run.info.run_id, { base: saved, text: saved })
}
