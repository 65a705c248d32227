/** Edits show at once, are sent, and can be taken back for ten seconds. */
import { signal } from '@preact/signals'
import { Failure } from './api'

export interface Edit {
  /** What was done: 'deleted avocet-02, smew-01'. */
  said: string
  /** Show it at once. */
  apply: () => void
  /** Tell the server. */
  send: () => Promise<unknown>
  /** Show what was before. */
  revert: () => void
  /** Tell the server to take it back; without it there is no undo. */
  unsend?: () => Promise<unknown>
  /** Where what was made can be seen, once it is there: '/models/a/1'. */
  to?: () => string
}

export const UNDO_MS = 10_000

export interface Said {
  text: string
  bad?: boolean
  hint?: string
  /** Until when it stands (ms). */
  until: number
  undo?: () => void
  /** Where it can be seen. */
  to?: string
}

/** What stands in the foot of the page now. */
export const said = signal<Said | undefined>(undefined)
let timer = 0

export function say(text: string, more: Omit<Partial<Said>, 'text'> = {}): void {
  clearTimeout(timer)
  const entry = { text, until: Date.now() + UNDO_MS, ...more }
  said.value = entry
  timer = window.setTimeout(() => {
    if (said.peek() === entry) said.value = undefined
  }, UNDO_MS)
}

/** Do an edit; true if the server took it. A refusal puts back what was, and says why. */
export async function edit(wanted: Edit): Promise<boolean> {
  wanted.apply()
  say(wanted.said)
  try {
    await wanted.send()
  } catch (error) {
    wanted.revert()
    refuse(wanted.said, error)
    return false
  }
  const { unsend } = wanted
  const to = wanted.to?.()
  if (unsend || to) say(wanted.said, { to, undo: unsend && (() => void takeBack(wanted, unsend)) })
  return true
}

async function takeBack(wanted: Edit, unsend: () => Promise<unknown>): Promise<void> {
  wanted.revert()
  say(`taken back: ${wanted.said}`)
  try {
    await unsend()
  } catch (error) {
    wanted.apply()
    refuse(`not taken back: ${wanted.said}`, error)
  }
}

/** Say why something was refused. */
export function refuse(what: string, error: unknown): void {
  const failure = error instanceof Failure ? error : undefined
  say(`${what}: ${failure?.message ?? String(error)}`, { bad: true, hint: failure?.hint })
}

export function undoLast(): void {
  said.peek()?.undo?.()
}
