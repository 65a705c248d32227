/** Shapes of GeoJSON (RFC 7946) as paths of a picture; no map is below them, since the page asks no other server. */

export interface Shape {
  kind: 'point' | 'line' | 'area'
  /** The path, in a picture of WIDE × `high`. */
  d: string
  /** What the feature says of itself. */
  title: string
}

export interface Drawing {
  shapes: Shape[]
  features: number
  high: number
  /** Degrees: west, south, east, north. */
  box: [number, number, number, number]
}

export const WIDE = 1000
const MOST_POSITIONS = 200_000
const MOST_TITLE = 300
const LEAST_SPAN = 1e-6
const DEEPEST = 16

interface Node {
  type?: string
  features?: Node[]
  geometries?: Node[]
  geometry?: Node | null
  properties?: Record<string, unknown> | null
  coordinates?: unknown
}

type Position = readonly [number, number]
interface Part { kind: Shape['kind']; lines: Position[][]; title: string }

const isPosition = (value: unknown): value is Position => Array.isArray(value) && Number.isFinite(value[0]) && Number.isFinite(value[1])

/** Lists of positions, as deep as the format has them. */
function linesOf(value: unknown, deep = 0): Position[][] {
  if (!Array.isArray(value) || deep > DEEPEST) return []
  if (isPosition(value)) return [[value]]
  if (value.every(isPosition)) return [value as Position[]]
  return value.flatMap((each) => linesOf(each, deep + 1))
}

const titleOf = (properties: Node['properties']): string =>
  Object.entries(properties ?? {}).map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join('\n').slice(0, MOST_TITLE)

function partsOf(node: Node | null | undefined, title = '', deep = 0): Part[] {
  if (!node || typeof node !== 'object' || deep > DEEPEST) return []
  if (Array.isArray(node.features)) return node.features.flatMap((each) => partsOf(each, '', deep + 1))
  if (node.type === 'Feature') return partsOf(node.geometry, titleOf(node.properties), deep + 1)
  if (Array.isArray(node.geometries)) return node.geometries.flatMap((each) => partsOf(each, title, deep + 1))
  const lines = linesOf(node.coordinates)
  const kind = /Polygon$/.test(node.type ?? '') ? 'area' : /LineString$/.test(node.type ?? '') ? 'line' : 'point'
  return lines.length && /^(Multi)?(Point|LineString|Polygon)$/.test(node.type ?? '') ? [{ kind, lines, title }] : []
}

/** The drawing of a document; undefined if there is nothing in it to draw, or too much. */
export function drawingOf(json: unknown): Drawing | undefined {
  const parts = partsOf(json as Node)
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity]
  let positions = 0
  for (const { lines } of parts) {
    for (const [x, y] of lines.flat()) {
      positions++
      west = Math.min(west, x); east = Math.max(east, x); south = Math.min(south, y); north = Math.max(north, y)
    }
  }
  if (!positions || positions > MOST_POSITIONS) return undefined
  // A degree of longitude is shorter than one of latitude, but at the equator.
  const narrow = Math.max(0.1, Math.cos((((south + north) / 2) * Math.PI) / 180))
  const across = Math.max((east - west) * narrow, LEAST_SPAN)
  const scale = Math.min(WIDE / across, (WIDE * 0.6) / Math.max(north - south, LEAST_SPAN))
  const place = ([x, y]: Position): string => `${((x - west) * narrow * scale).toFixed(1)} ${((north - y) * scale).toFixed(1)}`
  const path = ({ kind, lines }: Part): string =>
    lines.map((line) => (kind === 'point' ? line.map((each) => `M${place(each)}h0`).join('') : `M${line.map(place).join('L')}${kind === 'area' ? 'z' : ''}`)).join('')
  return { shapes: parts.map((part) => ({ kind: part.kind, d: path(part), title: part.title })), features: parts.length, high: Math.max(1, Math.ceil((north - south) * scale)), box: [west, south, east, north] }
}
