import { marked } from 'marked'
import { expect, it } from 'vitest'
import { lineOf, plainParagraphs } from '../src/parts/plain'

/** As Markdown reads it; blanks at the ends of lines are not seen. */
const read = (text: string): string =>
  (marked.parse(text, { async: false, gfm: true, breaks: true }) as string).trim().replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/\s*(<br>|<\/?p>)\s*/g, '$1')
const written = (text: string): string | undefined => plainParagraphs(text)?.map((lines) => `<p>${lines.join('<br>')}</p>`).join('')

it.each(['run 12: as before', 'one\ntwo', 'one \n two  \n\n\n three', ' \n\n', 'ends with a line\n', '50 % of 3.5, done!', 'a - b + c = d # e 1. f', 'émile, 東京\nsecond'])(
  'what is plain is as Markdown reads it: %j', (text) => expect(written(text)).toBe(read(text)))

it.each([
  '# head', 'a\n===', 'a\n---', '- item', '+ item', '3. third', '3) third', '    code', '\tcode', '`code`', '*strong*', '_so_', '~~gone~~', '[a](b)', '![a](b)', '<b>', '&amp;', '> said', 'a | b\n- | -',
  'https://pegboard.example', 'WWW.pegboard.example', 'ann@pegboard.example', 'a \\# b', 'one\n\n  - two',
])('what Markdown makes something of is not plain: %j', (text) => expect(plainParagraphs(text)).toBeUndefined())

it('no text of its marks and words is taken for plain wrongly', () => {
  const parts = ['word', 'two words', ' ', '  ', '\n', '\n\n', '-', '#', '1.', '=', '---', '.', ':', '!', '(', ')', '"', "'", '    ', '\t', '*', '|', '~', '$', '^', '{', '/', '%', 'www.x', 'http://x']
  let seed = 7
  const next = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n
  let plain = 0
  for (let i = 0; i < 4000; i++) {
    const text = Array.from({ length: 1 + next(6) }, () => parts[next(parts.length)]).join('')
    const found = written(text)
    if (found === undefined) continue
    plain++
    expect(found, JSON.stringify(text)).toBe(read(text))
  }
  expect(plain).toBeGreaterThan(300)
})

it.each([
  ['## The best of 4\n\n| model | r2 |\n| --- | --- |\n| ridge | 0.4 |\n\n- It is `champion`,\n  and was **asked**\n- see [traces](x)', 'The best of 4 · It is champion, and was asked · see traces'],
  ['snake_case * 2 * 3 - 1', 'snake_case * 2 * 3 - 1'], ['one\ntwo\n\nthree', 'one two · three'], ['# a\nb\n---\n- [x] done', 'a · b · done'], ['', ''],
])('a note in a cell is a line without marks: %j', (text, line) => expect(lineOf(text)).toBe(line))
