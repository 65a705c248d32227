import { describe, expect, it, vi } from 'vitest'
// What these modules import asks the page about itself, and there is none here.
vi.hoisted(() => Object.assign(globalThis, { document: { querySelector: () => null, querySelectorAll: () => [] } }))
import { differences, isSame } from '../src/pages/compare/differ'
import { imageAt, stepsOf } from '../src/pages/compare/files'
import { type Answer, bestOf, cellsOf, deltaOf, flipped, isOdd, itemsOf, markdownOf, moved, type Row, textOf, titleOf } from '../src/pages/compare/rows'

const metric = (key: string, values: Row['values'], more: Partial<Row> = {}): Row => ({ column: `metrics.${key}`, kind: 'metrics', direction: 'max', differs: true, values, delta: values.map((v) => (typeof v === 'number' && typeof values[0] === 'number' ? v - values[0] : null)), better: null, ...more })
const text = (column: string, values: Row['values'], differs = true): Row => ({ column, kind: column.split('.')[0] as Row['kind'], differs, values, delta: null, better: null })
const run = (run_id: string) => ({ run_id, name: `n-${run_id}`, status: 'FINISHED', experiment_id: '1', start_time: 0, end_time: null, user: '', deleted: false, commit: '', repository: '' })
const answer = (rows: Row[]): Answer => ({ runs: [run('a'), run('b')], rows, experiments: {}, missing: [], headline: 'acc', baseline: 'a', total: rows.length, matched: rows.length, differing: rows.length, kinds: { params: { total: 12, differing: 7 } } })

describe('rows of a comparison', () => {
  it('begin with the headline, end with the machine, in sections that count', () => {
    const items = itemsOf(answer([text('tags.mlflow.note.content', ['a', 'b']), metric('system/cpu', [1, 2]), metric('a', [1, 2]), metric('acc', [0.1, 0.2]), text('params.lr', ['1', '2'])]), true)
    expect(items.map((item) => ('head' in item ? `# ${item.head}` : titleOf(item.row)))).toEqual(['# Metrics, last value', 'acc', 'a', 'system/cpu', '# Parameters that differ, 1 of 12', 'lr', '# Tags', 'note'])
  })
  it('are found by a part of the key', () => {
    expect(itemsOf(answer([metric('acc', [1, 2]), metric('LOSS', [1, 2])]), true, 'los')).toHaveLength(2)
  })
  it('share the decimals of a row, with what JSON has no number for', () => {
    const row = metric('acc', [0.9412, 'NaN', 'Infinity', null])
    expect([0, 1, 2, 3].map((i) => textOf(row, i))).toEqual(['.9412', 'NaN', 'inf', '–'])
  })
  it('write the sign of a difference, and large whole numbers as a share', () => {
    const small = metric('acc', [0.9377, 0.9412, 0.812, 0.9377])
    expect([1, 2, 3].map((i) => deltaOf(small, i, 0))).toEqual(['+.0035', '-.1257', 'same'])
    expect(deltaOf(metric('clips', [1325, 2071]), 1, 0)).toBe('+56.3 %')
    expect(deltaOf(metric('loss', [0.5, 'NaN']), 1, 0)).toBe('')
  })
  it('know the best where better has a meaning', () => {
    expect(bestOf(metric('acc', [0.1, 'NaN', 0.3]))).toBe(2)
    expect(bestOf(metric('loss', [0.1, 0.3], { direction: 'min' }))).toBe(0)
    expect(bestOf(metric('lr', [0.1, 0.3], { direction: 'none' }))).toBe(-1)
    expect(bestOf(metric('acc', ['NaN', null]))).toBe(-1)
  })
  it('mark what differs from the baseline only', () => {
    const row = text('params.opt', ['adam', 'sgd', 'adam'])
    expect([0, 1, 2].map((i) => isOdd(row, i, 0))).toEqual([false, true, false])
    expect(isOdd(text('attributes.duration', [1, 2]), 1, 0)).toBe(false)
  })
  it('are copied exactly, also transposed, and Markdown does not read them', () => {
    const found = answer([metric('acc', [1 / 3, 'NaN']), text('params.a|b', ['<b>', '*x*'])])
    const cells = cellsOf(found, itemsOf(found, true))
    expect(cells).toEqual([['key', 'n-a', 'n-b'], ['metrics.acc', String(1 / 3), 'NaN'], ['params.a|b', '<b>', '*x*']])
    expect(flipped(cells)[1]).toEqual(['n-a', String(1 / 3), '<b>'])
    expect(markdownOf(cells).split('\n')[3]).toBe('| params.a\\|b | \\<b\\> | \\*x\\* |')
  })
  it('move by one and stay within', () => {
    expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c'])
    expect(moved(['a', 'b', 'c'], 2, 1)).toEqual(['a', 'b', 'c'])
  })
})

describe('texts', () => {
  it('differ line by line, with what is the same left out', () => {
    const many = Array.from({ length: 20 }, (_, i) => `line ${i}`)
    const lines = differences([...many, 'mixup: 0.1'].join('\n'), [...many, 'mixup: 0.2'].join('\r\n'))!
    expect(lines.map((line) => line.sign).join('')).toBe('…   -+')
    expect(lines[0]!.text).toBe('17 lines are the same')
    expect(isSame(lines)).toBe(false)
  })
  it('changed line by line are told in pairs', () => {
    expect(differences('a: 1\nb: 2\n', 'a: 3\nb: 4\n')!.map((line) => line.sign + line.text)).toEqual(['-a: 1', '+a: 3', '-b: 2', '+b: 4'])
    expect(differences('a\nb\n', 'c\n')!.map((line) => line.sign).join('')).toBe('--+')
  })
  it('that are the same say so', () => {
    expect(isSame(differences('a\nb\n', 'a\nb\n')!)).toBe(true)
    expect(differences('', 'a\n')).toEqual([{ sign: '+', text: 'a' }])
  })
})

describe('images on a slider', () => {
  const images: Record<string, [number, string][]> = { a: [[1, 'a1'], [5, 'a5']], b: [[3, 'b3']] }
  it('have all steps, and show the last one up to where it stands', () => {
    expect(stepsOf(images)).toEqual([1, 3, 5])
    expect(imageAt(images.a, 4)).toEqual([1, 'a1'])
    expect(imageAt(images.b, 1)).toEqual([3, 'b3'])
    expect(imageAt(undefined, 1)).toBeUndefined()
  })
})
