import { drawingOf } from '../src/parts/artifact/geo'
import { describe, expect, test } from 'vitest'
import { above, hexLines, isBinary, kindOf, languageOf, seriesOf } from '../src/parts/artifact/kinds'
import { parsePatch, totals } from '../src/parts/artifact/patch'

describe('what a file is', () => {
  test.each([
    ['a/b.csv', 'table'], ['x.PARQUET', 'table'], ['model/MLmodel', 'code'], ['a.html', 'html'], ['a.svg', 'svg'], ['a.png', 'image'], ['.gitignore', 'text'], ['README', 'text'], ['a.b/c', 'text'],
    ['run.ipynb', 'notebook'], ['w.safetensors', 'binary'], ['a.wav', 'media'], ['x.diff', 'diff'], ['weird.xyz', 'text'],
  ])('%s is %s', (path, kind) => expect(kindOf(path)).toBe(kind))
  test('its language', () => expect(['a.py', 'a.yml', 'MLmodel', 'a.txt'].map(languageOf)).toEqual(['python', 'yaml', 'yaml', '']))
})

describe('text or not', () => {
  const utf8 = (text: string) => new TextEncoder().encode(text)
  test.each([['ü 🐦 text', false], ['tab\tand\nline', false], ['\u001b[31mred\u001b[0m', false]])('%j', (text, wanted) => expect(isBinary(utf8(text))).toBe(wanted))
  test('a letter that the piece cuts in two is text', () => expect(isBinary(utf8(`${'x'.repeat(500)}ü`).subarray(0, 501))).toBe(false))
  test('zeros, and what is no UTF-8', () => {
    expect(isBinary(new Uint8Array([80, 65, 0, 1]))).toBe(true)
    expect(isBinary(new Uint8Array(64).fill(0xff))).toBe(true)
  })
  test('bytes as lines', () => expect(hexLines(new Uint8Array([...Array(17).keys()].map((i) => i + 60)))).toBe(
    '000000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK\n000010  4c                                               L'))
})

test('images of steps, by key and in order, in the names of either time', () => {
  const found = seriesOf([
    'images/val~a+step+10+timestamp+5+0a-1b.png', 'images/val~a+step+2+timestamp+9+0a-1b.png', 'images/val~a+step+2+timestamp+9+0a-1b+compressed.webp',
    'images/b%step%-1%timestamp%7%aa.png', 'images/plain.png',
  ])
  expect([...found.keys()]).toEqual(['val/a', 'b'])
  expect(found.get('val/a')!.map((frame) => frame.step)).toEqual([2, 10])
  expect(found.get('b')![0]).toEqual({ path: 'images/b%step%-1%timestamp%7%aa.png', step: -1, time: 7 })
})

test('directories above a path', () => {
  expect(above('a/b/c')).toEqual(['a', 'a/b'])
  expect(above('a')).toEqual([])
})

describe('a patch', () => {
  test('files, lines and their numbers', () => {
    const patch = parsePatch('# left out\ndiff --git a/x.py b/x.py\nindex 1..2 100644\n--- a/x.py\n+++ b/x.py\n@@ -3,3 +3,4 @@ def f():\n a\n-b\n+c\n+--- d\n e\ndiff --git a/o.md b/o.md\ndeleted file mode 100644\n--- a/o.md\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n')
    expect(patch.notes).toEqual(['left out'])
    expect(patch.files.map((file) => [file.name, file.before, file.added, file.removed])).toEqual([['x.py', undefined, 2, 1], ['o.md', undefined, 0, 1]])
    expect(patch.files[0]!.lines).toEqual([
      { kind: '@', text: 'def f():' }, { kind: ' ', text: 'a', old: 3, now: 3 }, { kind: '-', text: 'b', old: 4, now: undefined },
      { kind: '+', text: 'c', old: undefined, now: 4 }, { kind: '+', text: '--- d', old: undefined, now: 5 }, { kind: ' ', text: 'e', old: 5, now: 6 },
    ])
    expect(totals(patch)).toEqual({ added: 2, removed: 2 })
  })
  test('of diff alone, one file after the other', () => {
    const patch = parsePatch('--- a.txt\t2026-01-01\n+++ b.txt\t2026-01-02\n@@ -1 +1 @@\n--- old\n+++ new\n--- c\n+++ c\n@@ -0,0 +1 @@\n+x\n')
    expect(patch.files.map((file) => [file.name, file.before, file.added, file.removed])).toEqual([['b.txt', 'a.txt', 1, 1], ['c', undefined, 1, 0]])
  })
  test('renames, and what is no text', () => {
    const patch = parsePatch('diff --git a/a.bin b/b.bin\nrename from a.bin\nrename to b.bin\nBinary files a/a.bin and b/b.bin differ\n')
    expect(patch.files[0]).toMatchObject({ name: 'b.bin', before: 'a.bin', lines: [{ kind: '#' }] })
  })
  test('anything else is no patch', () => expect(parsePatch('hello\n').files).toEqual([]))
})

describe('GeoJSON as a drawing', () => {
  const square = [[[0, 0], [0, 2], [2, 2], [2, 0], [0, 0]]]
  const feature = (type: string, coordinates: unknown, properties = {}) => ({ type: 'Feature', properties, geometry: { type, coordinates } })

  test('puts shapes where they are, north at the top', () => {
    const found = drawingOf({ type: 'FeatureCollection', features: [feature('Polygon', square, { name: 'wood' }), feature('Point', [1, 1]), feature('LineString', [[0, 0], [2, 2]])] })!
    expect(found.box).toEqual([0, 0, 2, 2])
    expect(found.shapes.map(({ kind }) => kind)).toEqual(['area', 'point', 'line'])
    expect(found.shapes[0]!.title).toBe('name: wood')
    expect(found.high).toBe(600)
    expect(found.shapes[2]!.d).toBe('M0.0 600.0L599.9 0.0')
    expect(found.shapes[1]!.d).toBe('M300.0 300.0h0')
    expect(found.shapes[0]!.d.endsWith('z')).toBe(true)
  })
  test('reads collections and single geometries, and draws nothing of what is none', () => {
    expect(drawingOf({ type: 'GeometryCollection', geometries: [{ type: 'MultiPoint', coordinates: [[1, 2], [3, 4]] }] })!.features).toBe(1)
    expect(drawingOf({ type: 'Point', coordinates: [5, 6, 700] })!.box).toEqual([5, 6, 5, 6])
    for (const wrong of [null, 3, [], {}, { type: 'Feature', geometry: null }, { type: 'Topology', coordinates: square }, { type: 'Point', coordinates: ['1', null] }]) expect(drawingOf(wrong)).toBeUndefined()
  })
})
