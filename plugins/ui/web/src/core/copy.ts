/** Copies a text, and says so. */
import { say } from './undo'

export async function copy(text: string, what = 'copied'): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    // Without https the browser has no clipboard for pages; the old way works.
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    document.execCommand('copy')
    area.remove()
  }
  say(what)
}

/** Rows as a spreadsheet takes them. */
export const tsv = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => row.map((cell) => cell.replace(/[\t\n\r]+/g, ' ')).join('\t')).join('\n')

/** Offer a file for download. */
export function download(name: string, content: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
