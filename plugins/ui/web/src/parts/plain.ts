/** Texts in Markdown that have none of its marks, as most notes are: they need nobody who reads it. */

const MARKS = /[\\`*_~<>&[\]|@]|:\/\/|www\.|^[ \t]*([-+#=]|\d+[.)])|^ {0,3}\t|^ {4}/im

/** The paragraphs of a text and their lines; undefined if Markdown makes more of it than that. */
export function plainParagraphs(text: string): string[][] | undefined {
  if (MARKS.test(text)) return undefined
  const paragraphs = text.split(/\n[ \t]*\n/).map((part) => part.split('\n').map((line) => line.trim()).filter(Boolean))
  return paragraphs.filter((lines) => lines.length > 0)
}

const TABLE = /^\s*\|.*$/
const RULE = /^\s*([-=*_]\s*){3,}$/
/** What begins a piece of its own: a heading, an item, a quotation. */
const OPENS = /^\s*(#{1,6}|[-+*>]|\d+[.)])\s+/

/** A text in Markdown as one line without its marks, for a cell: pieces with a dot between them, tables left out. */
export function lineOf(text: string): string {
  const pieces: string[] = []
  let goesOn = false
  for (const line of text.split('\n')) {
    if (!line.trim() || TABLE.test(line) || RULE.test(line) || /^\s*```/.test(line)) goesOn = false
    else {
      const opens = OPENS.test(line)
      const bare = line.replace(OPENS, '').replace(/^\[[ x]\]\s/i, '').trim()
      if (goesOn && !opens) pieces.push(`${pieces.pop()} ${bare}`)
      else pieces.push(bare)
      goesOn = !/^\s*#/.test(line)
    }
  }
  return pieces.join(' · ').replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/(`+|\*\*|__|~~)(?=\S)(.+?)\1/g, '$2').replace(/(^|[\s(])([*_])(?=\S)([^*_]+)\2(?=[\s).,;:!?]|$)/g, '$1$3')
}
