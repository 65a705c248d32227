/** Texts in Markdown that have none of its marks, as most notes are: they need nobody who reads it. */

const MARKS = /[\\`*_~<>&[\]|@]|:\/\/|www\.|^[ \t]*([-+#=]|\d+[.)])|^ {0,3}\t|^ {4}/im

/** The paragraphs of a text and their lines; undefined if Markdown makes more of it than that. */
export function plainParagraphs(text: string): string[][] | undefined {
  if (MARKS.test(text)) return undefined
  const paragraphs = text.split(/\n[ \t]*\n/).map((part) => part.split('\n').map((line) => line.trim()).filter(Boolean))
  return paragraphs.filter((lines) => lines.length > 0)
}
