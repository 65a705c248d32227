/** Reads a patch as git writes it. */

export type LineKind = '+' | '-' | ' ' | '@' | '#'

export interface Line {
  kind: LineKind
  text: string
  /** Line numbers before and after; undefined where the line is not. */
  old?: number
  now?: number
}

export interface FileChange {
  /** The name now, or before if the file is gone. */
  name: string
  /** Another name that it had. */
  before?: string
  added: number
  removed: number
  lines: Line[]
}

export interface Patch {
  files: FileChange[]
  /** What stands before the first file. */
  notes: string[]
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)$/
const bare = (name: string): string => name.replace(/^"(.*)"$/, '$1').replace(/^[ab]\//, '')

export function parsePatch(text: string): Patch {
  const patch: Patch = { files: [], notes: [] }
  let file: FileChange | undefined
  let old = 0
  let now = 0
  // How many lines of the hunk are still to come, before and after.
  let olds = 0
  let news = 0
  const begin = (name: string) => {
    file = { name, added: 0, removed: 0, lines: [] }
    patch.files.push(file)
    olds = news = 0
  }
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const whole = /^diff --git (.+) (b\/.+|"b\/.+")$/.exec(line)
    const hunk = HUNK.exec(line)
    if (whole) begin(bare(whole[2]!))
    else if (hunk) {
      if (!file) begin('')
      old = Number(hunk[1])
      now = Number(hunk[3])
      olds = Number(hunk[2] ?? 1)
      news = Number(hunk[4] ?? 1)
      file!.lines.push({ kind: '@', text: hunk[5]!.trim() })
    } else if ((olds > 0 || news > 0) && file && /^([+\- ]|$)/.test(line)) {
      // Some editors take the space of an empty line away.
      const kind = (line[0] ?? ' ') as '+' | '-' | ' '
      if (kind !== '+') olds--
      if (kind !== '-') news--
      if (kind === '+') file.added++
      if (kind === '-') file.removed++
      file.lines.push({ kind, text: line.slice(1), old: kind === '+' ? undefined : old++, now: kind === '-' ? undefined : now++ })
    } else if (line.startsWith('--- ')) {
      if (!file || file.lines.some((each) => each.kind !== '#')) begin('')
      const name = line.slice(4).replace(/\t.*$/, '')
      if (name !== '/dev/null') file!.before = bare(name)
    } else if (line.startsWith('+++ ') && file) {
      const name = line.slice(4).replace(/\t.*$/, '')
      file.name = name === '/dev/null' ? (file.before ?? file.name) : bare(name)
      if (file.before === file.name) delete file.before
    } else if (line.startsWith('rename from ') && file) file.before = line.slice(12)
    else if (/^(new file|deleted file|Binary files|GIT binary patch|\\ No newline)/.test(line) && file) file.lines.push({ kind: '#', text: line.replace(/^\\ /, '') })
    else if (!file && line.trim()) patch.notes.push(line.replace(/^# /, ''))
  }
  return patch
}

/** How many lines were added and removed in all. */
export const totals = (patch: Patch): { added: number; removed: number } =>
  patch.files.reduce((sum, file) => ({ added: sum.added + file.added, removed: sum.removed + file.removed }), { added: 0, removed: 0 })
