import { describe, expect, it } from 'vitest'
import { addedAs, addedOf, patternOf } from '../src/pages/charts/added'
import { imagesOf, latest, tablesOf } from '../src/pages/charts/logged'
import { HEAD, inSight, moved, rowsOf, sectionsOf } from '../src/pages/charts/rows'
import { axisOf, brushed } from '../src/parts/chart/axis'
import { placed } from '../src/parts/chart/labels'
import { escaped, SvgPen } from '../src/parts/chart/pen'
import { between, nearest, spreadOf } from '../src/parts/chart/plots'
import { fraction, niceStep, ticks, timeTicks, valueAt, xLabel, yLabels } from '../src/parts/chart/scale'
import { below, decode, fitY, rangeOf, valueNear } from '../src/parts/chart/series'

const curve = (points: [number, number][]) => ({ x: Float64Array.from(points, ([x]) => x), y: Float64Array.from(points, ([, y]) => y) })
const base64 = (array: { buffer: ArrayBufferLike }) => btoa(String.fromCharCode(...new Uint8Array(array.buffer)))

describe('arrays of the server', () => {
  it('are numbers of each kind', () => {
    expect([...decode(`f8:${base64(Float64Array.of(0.1, -2, 1e300))}`)]).toEqual([0.1, -2, 1e300])
    expect([...decode(`f4:${base64(Float32Array.of(0.5, 3))}`)]).toEqual([0.5, 3])
    expect([...decode(`u2:-7:${base64(Uint16Array.of(1, 0, 65535))}`)]).toEqual([-7, -6, -6, 65529])
    expect([...decode(`i4:1700000000000:${base64(Int32Array.of(100000))}`)]).toEqual([1700000000000, 1700000100000])
    expect([...decode('f8:')]).toEqual([])
  })
})

describe('values at a place', () => {
  const line = curve([[0, 5], [10, 6], [10, 7], [20, 8]])
  it('are those of the next point, and none where the line has not begun or has ended', () => {
    expect(below(line.x, 10)).toBe(1)
    expect(below(line.x, 10, true)).toBe(3)
    expect(valueNear(line, 14)).toBe(7)
    expect(valueNear(line, 16)).toBe(8)
    expect(valueNear(line, 21)).toBeUndefined()
    expect(valueNear(line, 21, 2)).toBe(8)
    expect(valueNear(line, -1)).toBeUndefined()
  })
})

describe('y fits', () => {
  const climb = curve([[0, 0], [10, 0.5], [25, 0.9], [50, 0.92], [100, 0.94]])
  it('what follows the climb, and says from where', () => {
    const fit = fitY([climb], { lo: 0, hi: 100 })
    expect(fit.from).toBe(25)
    expect(fit.lo).toBeCloseTo(0.8984)
    expect(fit.hi).toBeCloseTo(0.9416)
  })
  it('all where that is wanted, and where the climb is small', () => {
    expect(fitY([climb], { lo: 0, hi: 100 }, { all: true })).toEqual({ lo: 0, hi: expect.closeTo(0.9776) })
    expect(fitY([curve([[0, 1], [30, 1.1], [60, 2], [100, 1]])], { lo: 0, hi: 100 }).from).toBeUndefined()
  })
  it('each curve after its own climb, over time', () => {
    const short = curve([[0, 9], [1, 4], [2, 3], [4, 2]])
    const long = curve([[0, 9], [30, 1.5], [100, 1]])
    expect(fitY([short, long], { lo: 0, hi: 100 }, { own: true })).toMatchObject({ from: 25, hi: 4.12 })
    expect(fitY([short, long], { lo: 0, hi: 100 }).hi).toBeLessThan(2)
  })
  it('nothing, one value, and a logarithm, too', () => {
    expect(fitY([], { lo: 0, hi: 1 })).toEqual({ lo: 0, hi: 1 })
    expect(fitY([curve([[0, 3], [9, 3]])], { lo: 0, hi: 9 })).toEqual({ lo: 2.7, hi: 3.3 })
    expect(rangeOf([curve([[0, -1], [1, 0], [2, 4]])], -Infinity, true)).toEqual({ lo: 4, hi: 4 })
    expect(fitY([curve([[0, -1], [50, 1], [99, 100]])], { lo: 0, hi: 99 }, { log: true }).lo).toBeGreaterThan(0)
  })
})

describe('ticks', () => {
  it('stand at steps of 1, 2 and 5', () => {
    expect(niceStep(0, 1, 5)).toBe(0.2)
    expect(ticks({ lo: 0.68, hi: 0.95 }, 3)).toEqual([0.7, 0.8, 0.9])
    expect(ticks({ lo: -3, hi: 3 }, 3)).toEqual([-2, 0, 2])
    expect(ticks({ lo: 1e-4, hi: 0.1, log: true }, 6)).toEqual([1e-4, 1e-3, 0.01, 0.1])
    expect(ticks({ lo: 5, hi: 5 }, 4).length).toBeLessThan(50)
  })
  it('are written short', () => {
    expect(yLabels([0.7, 0.8, 0.9])).toEqual(['.7', '.8', '.9'])
    expect(yLabels([0, 0.0005, 0.001])).toEqual(['0', '5e-4', '1e-3'])
    expect(yLabels([1, 1.5, 2])).toEqual(['1', '1.5', '2'])
    expect(yLabels([1e-4, 1e-3, 0.01, 0.1], true)).toEqual(['1e-4', '1e-3', '.01', '.1'])
    expect(yLabels([0, 500_000, 1_000_000])).toEqual(['0', '500k', '1M'])
    expect(xLabel(2500, 'step', 2500)).toBe('2.5k')
    expect(xLabel(90_000, 'relative', 90_000)).toBe('1m')
  })
  it('of times stand at whole minutes', () => {
    expect(timeTicks(0, 10 * 60_000, 5, false)).toEqual([0, 120_000, 240_000, 360_000, 480_000, 600_000])
  })
  it('and places are each other\'s inverse', () => {
    for (const scale of [{ lo: 2, hi: 9 }, { lo: 1e-3, hi: 10, log: true }]) expect(valueAt(scale, fraction(scale, 4))).toBeCloseTo(4)
  })
})

describe('names at line ends', () => {
  const room = { left: 40, right: 300, top: 0, bottom: 100 }
  it('are 11 px apart, the first ones first', () => {
    const ends = [50, 52, 54, 49, 51].map((y, i) => ({ name: `run-${i}`, x: 300, y }))
    const found = placed(ends, room, () => 40, () => true)
    const at = found.map((each) => each.y).sort((a, b) => a - b)
    expect(found[0]).toMatchObject({ index: 0, y: 50, early: false })
    for (let i = 1; i < at.length; i++) expect(at[i]! - at[i - 1]!).toBeGreaterThanOrEqual(11)
    expect(found.length).toBeLessThan(5)
  })
  it('of a line that ended early stand at its own end, off other lines, or nowhere', () => {
    const ends = [{ name: 'early', x: 120, y: 50 }]
    expect(placed(ends, room, () => 40, (_, __, y) => y !== 50)[0]).toMatchObject({ x: 126, y: 38, early: true })
    expect(placed(ends, room, () => 40, () => false)).toEqual([])
  })
})

describe('an SVG', () => {
  it('has no markup from names', () => {
    const pen = new SvgPen(10, 10)
    pen.font = '500 11px "IBM <Plex>", monospace'
    pen.fillText('</text><script>alert(1)</script>\u0000', 1, 2)
    expect(String(pen)).not.toContain('<script')
    expect(String(pen)).toContain('font-weight="500"')
    expect(escaped(`a"b'&`)).toBe('a&#34;b&#39;&#38;')
  })
  it('clips and dashes what is drawn', () => {
    const pen = new SvgPen(10, 10)
    pen.save()
    pen.beginPath(); pen.rect(0, 0, 5, 5); pen.clip()
    pen.setLineDash([5, 3])
    pen.beginPath(); pen.moveTo(0, 0); pen.lineTo(9, 9); pen.stroke()
    pen.restore()
    pen.beginPath(); pen.moveTo(1, 1); pen.lineTo(2, 2); pen.stroke()
    const text = String(pen)
    expect(text).toContain('<path clip-path="url(#c0)" d="M0 0L9 9"')
    expect(text).toContain('stroke-dasharray="5 3"')
    expect(text.match(/clip-path=/g)).toHaveLength(1)
  })
})

describe('brushing', () => {
  const loss = [0.1, 0.2, 'NaN', 0.4]
  const lr = ['1e-3', '3e-4', '1e-1', null]
  it('is a filter, rounded outward, and takes the place of the one before', () => {
    const axis = axisOf('metrics.loss', loss, 4)
    expect(axis.at[2]).toBeUndefined()
    const once = brushed("params.opt = 'adam'", axis, loss, 0.2, 0.6)
    expect(once).toMatch(/^params\.opt = 'adam' and metrics\.loss >= 0\.15\d* and metrics\.loss <= 0\.2\d*$/)
    expect(brushed(once, axis, loss, 0, 1)).toMatch(/^params\.opt = 'adam' and metrics\.loss >= 0\.08\d* and metrics\.loss <= 0\.4\d*$/)
  })
  it('names the parameters within, as they are written', () => {
    const axis = axisOf('params.lr', lr, 4)
    expect(axis.scale?.log).toBe(true)
    const q = brushed('', axis, lr, 0, 0.6)
    expect(q).toBe("params.lr in ('1e-3', '3e-4')")
    expect(brushed(q, axis, lr, 0.9, 1)).toBe("params.lr in ('1e-1')")
    expect(brushed('', axisOf('params.a b', ["it's", 'x'], 4), ["it's", 'x'], 0, 1)).toBe('params.`a b` in ("it\'s", \'x\')')
  })
})

describe('pictures of runs', () => {
  it('find the run that is pointed at', () => {
    expect(nearest([{ index: 1, x: 10, y: 10 }, { index: 2, x: 14, y: 10 }], 13, 10)?.index).toBe(2)
    expect(nearest([{ index: 1, x: 10, y: 10 }], 40, 10)).toBeUndefined()
    expect(nearest([{ index: 3, x: 10, y: 10, row: 9 }], 200, 15)?.index).toBe(3)
  })
  it('have values between them: at a run its own, far from all their mean', () => {
    const places = [{ x: 0, y: 0, z: 0 }, { x: 1, y: 0, z: 1 }]
    expect(between(places, 1, 0)).toBe(1)
    expect(between(places, 0.5, 0)).toBeCloseTo(0.5)
    expect(between(places, 0.5, 1e6)).toBeCloseTo(0.5)
    expect(between([], 0, 0)).toBeUndefined()
  })
  it('have quartiles and whiskers', () => {
    expect(spreadOf([1, 2, 3, 4, 100])).toEqual({ q1: 2, median: 3, q3: 4, low: 1, high: 4 })
    expect(spreadOf([7])).toEqual({ q1: 7, median: 7, q3: 7, low: 7, high: 7 })
  })
})

describe('the grid', () => {
  const keys = ['acc', 'loss', 'one/alone', ...Array.from({ length: 1980 }, (_, i) => `layer/${i}`), 'train/a', 'train/b']
  const wanted = { keys, added: [], columns: 2, cell: 100, order: [], toggled: [] as string[], heightOf: () => 300 }
  it('puts names below their prefixes and folds the many', () => {
    const { rows, height, open } = rowsOf(wanted)
    expect(rows.map((row) => row.head?.prefix ?? row.items.length)).toEqual([2, 1, 'layer/', 'train/', 2])
    expect(height).toBe(3 * 100 + 2 * HEAD)
    expect(open).toBe(5)
    expect(rowsOf({ ...wanted, toggled: ['layer/'] }).open).toBe(1985)
  })
  it('makes only rows in sight', () => {
    const { rows } = rowsOf({ ...wanted, toggled: ['layer/'] })
    expect(rows).toHaveLength(995)
    expect(inSight(rows, 50_000, 800).length).toBeLessThan(12)
    expect(inSight(rows, 1e9, 800).length).toBeLessThan(3)
  })
  it('keeps what was moved to the front, and no more than that', () => {
    const names = ['a', 'b', 'c', 'd']
    expect(moved(names, 'c', 0, [], names)).toEqual(['c'])
    const order = moved(names, 'a', 1, [], names)
    expect(sectionsOf(names, order)[0]!.keys).toEqual(['b', 'a', 'c', 'd'])
    expect(sectionsOf(names, moved(names, 'a', 3, [], names))[0]!.keys).toEqual(['b', 'c', 'd', 'a'])
    expect(moved(names, 'c', 0, ['x/y'], names)).toEqual(['x/y', 'c'])
  })
  it('keeps charts that were added in the address', () => {
    const added = { kind: 'scatter' as const, columns: ['metrics.a:b', 'params.50%'] }
    expect(addedOf(addedAs(added))).toEqual(added)
    expect(addedOf('pie:metrics.a')).toBeUndefined()
    expect(addedOf('scatter:%')).toBeUndefined()
  })
  it('finds names by a pattern, once it is whole', () => {
    expect(patternOf('/acc|loss/')?.test('val_LOSS')).toBe(true)
    expect(patternOf('acc(')).toBeUndefined()
  })
})

describe('logged files', () => {
  const files = {
    files: [
      'images/val~x+step+10+timestamp+5+abc.png', 'images/val~x+step+10+timestamp+5+abc+compressed.webp',
      'images/val~x+step+20+timestamp+6+def.png', 'images/old%step%0%timestamp%1%id.png', 'images/plain.png', 'images/t+step+1+timestamp+2+id.txt',
    ].map((path) => ({ path })),
  }
  it('are pictures by key and step', () => {
    const found = imagesOf(files)
    expect([...found.keys()]).toEqual(['val/x', 'old'])
    expect(found.get('val/x')!.get(10)).toContain('compressed')
    expect(latest(found.get('val/x')!, 15)).toEqual([10, expect.stringContaining('step+10')])
    expect(latest(found.get('val/x')!, 9)).toBeUndefined()
    expect(imagesOf({}).size).toBe(0)
  })
  it('are tables, unless the tag says nothing', () => {
    expect(tablesOf('[{"path":"a.json","type":"table"},{"path":"b","type":"x"}]')).toEqual(['a.json'])
    expect(tablesOf('{')).toEqual([])
    expect(tablesOf('{"a":1}')).toEqual([])
    expect(tablesOf(null)).toEqual([])
  })
})
