/** What is shown of the end of a log. Pure. */

export interface Kept {
  bytes: Uint8Array
  /** Where in the file the bytes end. */
  end: number
}

const NEWLINE = 10

/** Whole lines of what was read, and how many bytes of a line without its beginning are left out. */
export function linesOf({ bytes, end }: Kept): { text: string; cut: number } {
  const first = end > bytes.length ? bytes.indexOf(NEWLINE) + 1 : 0
  return { text: printed(new TextDecoder().decode(bytes.subarray(first))), cut: first }
}

/** What a terminal would show: without colours, and of a line that is written over only its last words. */
export const printed = (text: string): string =>
  text.replace(/\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)/g, '').replace(/\r+\n/g, '\n').replace(/^.*\r(?!$)/gm, '').replace(/\r/g, '')
