import { describe, expect, it } from 'vitest'
import { parse } from '../src/pages/playground/table'

describe('rows that are pasted', () => {
  it.each([
    ['a sheet', 'q\tn\r\nWhy?\t1\r\n\r\nHow?\t2\r\n', [{ q: 'Why?', n: '1' }, { q: 'How?', n: '2' }]],
    ['CSV with quotes', 'q,n\n"a, ""b""\n{{c}}",<b>\n', [{ q: 'a, "b"\n{{c}}', n: '<b>' }]],
    ['semicolons', 'q;n\n1,5;2', [{ q: '1,5', n: '2' }]],
    ['one column', 'q\nWhy, then?', undefined],
    ['JSON', '[{"q": {"x": 1}}]', [{ q: { x: 1 } }]],
    ['lines of JSON', '{"q": 1}\n\n{"inputs": {"q": 2}}', [{ q: 1 }, { q: 2 }]],
    ['one object', '{"q": 1}', [{ q: 1 }]],
  ])('reads %s', (_, text, inputs) => {
    const { records, wrong } = parse(text)
    if (inputs === undefined) expect(wrong).toBe('Row 1 has 2 values; there is one column.')
    else expect(records.map((each) => each.inputs)).toEqual(inputs)
  })

  it('knows what is expected', () => {
    expect(parse('q, expected_response\nWhy?,So.\nHow?,').records).toEqual([
      { inputs: { q: 'Why?' }, expectations: { expected_response: 'So.' } },
      { inputs: { q: 'How?' } },
    ])
    expect(parse('{"inputs": {"q": 1}, "expectations": {"guidelines": ["x"]}}').records).toEqual([{ inputs: { q: 1 }, expectations: { guidelines: ['x'] } }])
  })

  it.each([
    ['q,\n1,2', 'A column has no name'],
    ['q,q\n1,2', 'Two columns are called q.'],
    ['q\n"open', 'not closed'],
    ['expected_facts\nx', 'No column is an input.'],
    ['{"q": 1}\n{', 'Line 2 is not JSON'],
    ['[1]', 'Row 1 is not an object'],
  ])('says what is wrong with %j', (text, wrong) => expect(parse(text).wrong).toContain(wrong))
})
