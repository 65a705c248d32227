/** How keys are listed: each thing once, as people read it. */
import type { Group } from './keys'

const isMac = /Mac|iP(hone|ad|od)/.test(globalThis.navigator?.platform)
const SIGNS: Record<string, string> = {
  Mod: isMac ? 'cmd' : 'ctrl', Space: 'space', ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left',
  ArrowRight: 'right', Escape: 'esc', Enter: 'enter', Backspace: 'del', Shift: 'shift', Alt: 'alt', Tab: 'tab',
  PageUp: 'page up', PageDown: 'page down', Home: 'home', End: 'end',
}

/** A combination as people read it. */
export const shown = (combination: string): string =>
  combination.replace(/[A-Za-z]+/g, (part) => SIGNS[part] ?? part).replace(/(.)\+/g, '$1 ')

/** One thing to do as a list of keys names it. */
export interface Listed {
  does: string
  combinations: string[]
  needs: string
}

/** All that can be pressed, by name of the group: each thing once, whatever keys do it, and no key that another group takes. */
export function listed(all: readonly Group[]): Map<string, Listed[]> {
  const taken = new Set<string>()
  const found = new Map<string, Listed[]>()
  for (const group of [...all].reverse()) {
    const rows = found.get(group.name) ?? []
    for (const [combination, key] of Object.entries(group.keys)) {
      if (!key || taken.has(combination)) continue
      if (!key.needs) taken.add(combination)
      const same = rows.find((row) => row.does === key.does)
      if (same) same.combinations.push(combination)
      else rows.push({ does: key.does, combinations: [combination], needs: key.needs || '' })
    }
    if (rows.length) found.set(group.name, rows)
  }
  return found
}

const ARROWS = ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight']

/** What stands in the list for several combinations: four arrows are one word. */
export function shownAll(combinations: readonly string[]): string[] {
  const before = combinations[0]!.replace(/\w+$/, '')
  if (combinations.length === 4 && ARROWS.every((arrow) => combinations.includes(before + arrow))) return [shown(`${before}arrows`)]
  return combinations.map(shown)
}
