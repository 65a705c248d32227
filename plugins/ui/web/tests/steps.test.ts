import { expect, it } from 'vitest'
import { layout, pathOf, SIZE, type Step } from '../src/parts/steps/layout'

const steps = (text: string): Step[] => text.split(';').map((each) => {
  const [name, needs] = each.split('<')
  return { name: name!.trim(), needs: needs?.trim().split(' ') ?? [] }
})
const RECIPE = 'ingest; split < ingest; transform < split; train < split transform; evaluate < split train; register < train evaluate'

it('steps stand right of what they need, in a line where they are one', () => {
  const { nodes, width, height } = layout(steps(RECIPE))
  expect(nodes.map((node) => node.name)).toEqual(['ingest', 'split', 'transform', 'train', 'evaluate', 'register'])
  expect(nodes.map((node) => node.x)).toEqual([0, 1, 2, 3, 4, 5].map((n) => n * (SIZE.width + SIZE.gapX)))
  expect(new Set(nodes.map((node) => node.y))).toEqual(new Set([0]))
  expect(width).toBe(6 * SIZE.width + 5 * SIZE.gapX)
  // Two edges pass the step transform.
  expect(height).toBe(SIZE.height + 2 * (SIZE.way + SIZE.gapY))
})

it('no way leads over a step, and no two steps share a place', () => {
  const graph = 'a; b < a; c < a; d < a b; e < c d a; f; g < f e; h < a'
  const { nodes, ways } = layout(steps(graph))
  expect(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size).toBe(8)
  for (const { from, to, points } of ways) {
    for (const point of points.slice(1, -1)) {
      expect(nodes.filter((node) => point.x >= node.x && point.x <= node.x + SIZE.width && point.y >= node.y && point.y <= node.y + SIZE.height), `${from} ${to}`).toEqual([])
    }
    expect(points[0]!.x).toBeLessThan(points[points.length - 1]!.x)
  }
  expect(ways.length).toBe(10)
})

it('what is wrong with a graph is left out, and none is too long', () => {
  expect(layout([])).toEqual({ width: 0, height: 0, nodes: [], ways: [] })
  const odd = layout(steps('a < a gone; b < c; c < b'))
  expect(odd.nodes.length).toBe(3)
  expect(odd.ways.length).toBeLessThanOrEqual(1)
  const long = Array.from({ length: 3000 }, (_, i) => ({ name: `s${i}`, needs: i ? [`s${i - 1}`] : [] })).reverse()
  expect(layout(long).nodes.length).toBe(3000)
})

it('a way is one path', () => {
  expect(pathOf({ from: 'a', to: 'b', points: [{ x: 0, y: 1 }, { x: 10, y: 3 }, { x: 20, y: 3 }, { x: 30, y: 1 }] })).toBe('M0 1C5 1 5 3 10 3H20C25 3 25 1 30 1')
})
