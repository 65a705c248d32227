/** The note of a run, in markdown. Who comes second to save sees both, and decides. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { shown } from '../../core/keylist'
import { useKeys } from '../../core/keys'
import { may } from '../../core/root'
import { refuse } from '../../core/undo'
import { Prose } from '../../parts/prose-view'
import { NOTE, type Overview } from './data'
import { type Draft, keep, kept } from './drafts'
import { editTag, tagNow } from './edits'

export interface NoteProps {
  run: Overview
  show: (tags: Record<string, string | undefined>) => void
  done: () => void
}

export function Note({ run, show, done }: NoteProps) {
  const id = run.info.run_id
  const saved = run.tags[NOTE] ?? ''
  const [draft, setDraft] = useState<Draft | undefined>(() => kept(id))
  /** What somebody else has saved meanwhile. */
  const [theirs, setTheirs] = useState<string>()
  const area = useRef<HTMLTextAreaElement>(null)
  const write = (next: Draft | undefined) => { keep(id, next); setDraft(next); if (!next) setTheirs(undefined) }
  const begin = () => { if (!draft) write({ base: saved, text: saved }); else area.current?.focus() }
  useKeys('Note', { e: may('write') ? { does: saved ? 'Edit the note' : 'Write a note', run: begin } : undefined })
  const isOpen = draft !== undefined
  // At once, so that no key is lost.
  useLayoutEffect(() => {
    if (isOpen) { area.current?.focus(); area.current?.setSelectionRange(area.current.value.length, area.current.value.length) }
  }, [isOpen])
  const send = async (text: string) => {
    write(undefined)
    if (!(await editTag(run, NOTE, text.trim() === '' ? undefined : text, show))) write({ base: saved, text })
    done()
  }
  const save = async () => {
    if (!draft) return
    if (draft.text === draft.base) return write(undefined)
    try {
      const now = (await tagNow(id, NOTE)) ?? ''
      // One wrote the same as the other: nothing to decide.
      if (now !== draft.base && now !== draft.text) return setTheirs(now)
    } catch (error) {
      return refuse('the note is not saved, and stays here', error)
    }
    await send(draft.text)
  }
  if (!draft) {
    if (!saved) return may('write') ? <button class="btn flat run-note-add" onClick={begin}>Write a note<kbd>e</kbd></button> : null
    return (
      <section class="run-note" aria-label="Note">
        <h2>Note <span class="x" />{may('write') && <button class="btn flat" onClick={begin}>edit<kbd>e</kbd></button>}</h2>
        <Prose text={saved} />
      </section>
    )
  }
  const changed = theirs ?? (saved !== draft.base && saved !== draft.text ? saved : undefined)
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Escape') write(undefined)
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void save()
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <section class="run-note" aria-label="Note">
      <h2>Note <span class="m i3">markdown</span></h2>
      {changed !== undefined && <Both theirs={changed} mine={draft.text} take={() => void send(draft.text)} leave={() => { write(undefined); done() }} join={() => { write({ base: changed, text: `${changed.trimEnd()}\n\n${draft.text}` }); setTheirs(undefined) }} />}
      <textarea ref={area} class="input" rows={8} value={draft.text} aria-label="Note, in markdown" onInput={(event) => write({ ...draft, text: event.currentTarget.value })} onKeyDown={press} />
      <div class="do">
        <button class="btn flat" onClick={() => write(undefined)}>Leave it<kbd>esc</kbd></button>
        {changed === undefined && <button class="btn" onClick={() => void save()}>Save<kbd>{shown('Mod+Enter')}</kbd></button>}
      </div>
    </section>
  )
}

/** Two notes, neither of which is lost before somebody says so. */
function Both({ theirs, mine, take, leave, join }: { theirs: string; mine: string; take: () => void; leave: () => void; join: () => void }) {
  return (
    <div class="run-both" role="alert">
      <p class="s"><b>Somebody has changed this note while you wrote.</b> Nothing is lost yet: below is theirs, in the box is yours.</p>
      <pre class="m">{theirs || '(they took the note away)'}</pre>
      <div class="do">
        <button class="btn" onClick={leave}>Keep theirs</button>
        <button class="btn" disabled={!theirs} onClick={join}>Put both together</button>
        <button class="btn" disabled={mine.trim() === theirs.trim()} onClick={take}>Save mine over it</button>
      </div>
    </div>
  )
}
