/** The grammar of filters, as far as a line to type in needs it: tokens, and what may come next. */

export type TokenKind = 'space' | 'name' | 'string' | 'number' | 'keyword' | 'operator' | 'punctuation' | 'wrong'

export interface Token {
  kind: TokenKind
  text: string
  from: number
  /** Behind the last character. */
  to: number
}

const PART = '(?:`(?:``|[^`])*`|"(?:""|[^"])*"|[^\\W\\d]\\w*)'
const REST = '(?:`(?:``|[^`])*`|"(?:""|[^"])*"|\\w+(?:\\.\\w+)*)'
const TOKENS = new RegExp(
  `(?<space>\\s+)|(?<string>'(?:''|[^'])*')|(?<name>${PART}(?:\\.(?:${REST}))?\\.?)` +
    `|(?<number>[-+]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][-+]?\\d+)?(?!\\w))|(?<operator>[<>=~!]+)|(?<punctuation>[(),])`,
  'uy',
)
const KEYWORDS = new Set(['AND', 'OR', 'NOT', 'IN', 'IS', 'NULL', 'LIKE', 'ILIKE', 'RLIKE'])
const COMPARING = new Set(['IN', 'IS', 'LIKE', 'ILIKE', 'RLIKE'])
/** Kinds of columns by the words for them; others, such as those of traces, are kept as they are. */
const NAMED = [[/^metrics?$/, 'metrics'], [/^param(s|eters?)?$/, 'params'], [/^tags?$/, 'tags'], [/^(attributes?|attr|run)$/, 'attributes'], [/^datasets?$/, 'dataset']] as const
const KINDS = /^(metrics?|params?|parameters?|tags?|attributes?|attr|run|datasets?)$/i

/** Cut a text into tokens, without gaps; what has no meaning is one, too. */
export function tokenize(text: string): Token[] {
  const found: Token[] = []
  let from = 0
  while (from < text.length) {
    TOKENS.lastIndex = from
    const match = TOKENS.exec(text)
    let kind: TokenKind = 'wrong'
    // An open quote takes all that follows.
    let to = /['"`]/.test(text[from] ?? '') ? text.length : from + 1
    if (match) {
      const named = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined)
      kind = (named?.[0] ?? 'wrong') as TokenKind
      to = TOKENS.lastIndex
      if (kind === 'name' && KEYWORDS.has(match[0].toUpperCase())) kind = 'keyword'
    }
    found.push({ kind, text: text.slice(from, to), from, to })
    from = to
  }
  return found
}

const FILTER =
  /[<>=!~]|\bIS\s+(NOT\s+)?NULL\b|\bIN\s*\(|\b[IR]?LIKE\s*['"]|^\W*(NOT\s+)?\(*\s*(metrics?|params?|parameters?|tags?|attributes?|attr|run|datasets?|trace|span|(request_)?metadata|feedback|expectation)\./i

/** Whether a text is meant as a filter; else its words are looked for in names, tags and notes. */
export const isFilter = (text: string): boolean => FILTER.test(text)

export type Want = 'column' | 'operator' | 'value' | 'join'

export interface Place {
  want: Want
  /** What is being typed, and where it stands. */
  typed: string
  from: number
  to: number
  /** The column that a value belongs to: 'params.opt'. */
  column: string
}

/** A column as the server names it: 'metrics.`a/b`' is 'metrics.a/b'. */
export function columnOf(text: string): string {
  const dot = text.indexOf('.')
  const plain = (part: string): string =>
    /^[`"]/.test(part) ? part.slice(1, -1).replaceAll(part[0]!.repeat(2), part[0]!) : part
  if (dot < 0) return KINDS.test(text) ? text : `attributes.${plain(text)}`
  const kind = text.slice(0, dot).toLowerCase()
  return `${NAMED.find(([pattern]) => pattern.test(kind))?.[1] ?? kind}.${plain(text.slice(dot + 1))}`
}

/** What may stand at a place of a text: what completion offers there. */
export function placeAt(text: string, caret: number): Place {
  const before = tokenize(text).filter((token) => token.from < caret && token.kind !== 'space')
  const last = before.at(-1)
  const isTyping = last && last.to >= caret && last.kind !== 'punctuation' && last.kind !== 'operator'
  if (isTyping) before.pop()
  const { want, column } = follow(before)
  const from = isTyping ? last.from : caret
  return { want, column, from, to: isTyping ? last.to : caret, typed: text.slice(from, caret) }
}

function follow(tokens: readonly Token[]): { want: Want; column: string; depth: number } {
  let want: Want = 'column'
  let column = ''
  let depth = 0
  let inList = false
  for (const token of tokens) {
    const word = token.text.toUpperCase()
    if (token.kind === 'keyword') {
      if (word === 'AND' || word === 'OR') want = 'column'
      else if (COMPARING.has(word)) want = 'value'
      else if (word === 'NULL') want = 'join'
    } else if (token.kind === 'operator') want = 'value'
    else if (token.text === '(') {
      depth++
      inList = want === 'value'
    } else if (token.text === ')') {
      depth--
      inList = false
      want = 'join'
    } else if (token.text === ',') want = 'value'
    else if (want === 'column') {
      column = columnOf(token.text)
      want = 'operator'
    } else if (want === 'value') want = inList ? 'value' : 'join'
  }
  return { want, column, depth }
}

const STARTS = ['metrics.', 'params.', 'tags.', 'attributes.', 'dataset.', 'status', 'not ']

/** Whether a text may be asked for as it stands: nothing is missing at its end. */
export function isWhole(text: string): boolean {
  const tokens = tokenize(text).filter((token) => token.kind !== 'space')
  // What may become the name of a column is not looked for as a word yet.
  if (!isFilter(text)) return !STARTS.some((start) => text.trim() !== '' && start.startsWith(text.trim().toLowerCase()))
  if (tokens.some((token) => token.kind === 'wrong')) return false
  const { want, depth } = follow(tokens)
  return want === 'join' && depth === 0
}

/** Add a comparison to a filter. */
export function withTerm(text: string, term: string): string {
  const plain = text.trim()
  if (!plain || !isFilter(plain)) return term
  const joins = tokenize(plain).some((token) => token.kind === 'keyword' && token.text.toUpperCase() === 'OR')
  return `${joins ? `(${plain})` : plain} and ${term}`
}
