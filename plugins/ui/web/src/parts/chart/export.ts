/** A chart as a file: PNG, SVG, CSV. */
import { download } from '../../core/copy'
import { type Ink, paint, type Picture } from './paint'
import { SvgPen } from './pen'
import { decoded, type SeriesJson } from './series'

const plainName = (title: string): string => title.replace(/[^\w.-]+/g, '-').slice(0, 80) || 'chart'
const PNG_SCALE = 2

export function saveSvg(title: string, picture: Picture, ink: Ink): void {
  const pen = new SvgPen(picture.width, picture.height)
  background(pen, picture, ink)
  download(`${plainName(title)}.svg`, new Blob([pen.toString()], { type: 'image/svg+xml' }))
}

export function savePng(title: string, picture: Picture, ink: Ink): void {
  const canvas = document.createElement('canvas')
  canvas.width = picture.width * PNG_SCALE
  canvas.height = picture.height * PNG_SCALE
  const pen = canvas.getContext('2d')
  if (!pen) return
  pen.scale(PNG_SCALE, PNG_SCALE)
  background(pen, picture, ink)
  canvas.toBlob((blob) => blob && download(`${plainName(title)}.png`, blob))
}

function background(pen: SvgPen | CanvasRenderingContext2D, picture: Picture, ink: Ink): void {
  pen.fillStyle = ink.surface
  pen.fillRect(0, 0, picture.width, picture.height)
  paint(pen, picture, ink)
}

const cell = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** Points as CSV: run_id, run, metric, the x axis, value; NaN and infinities too. */
export function csvOf(series: readonly SeriesJson[], axis: string, nameOf: (run: string) => string): string {
  const rows = [['run_id', 'run', 'metric', axis, 'value'].map(cell).join(',')]
  for (const each of series) {
    const { main, raw } = decoded(each)
    const { x, y } = raw ?? main
    const head = [each.run_id, nameOf(each.run_id), each.key].map(cell).join(',')
    const points: [number, string][] = [...x].map((at, i) => [at, String(y[i])])
    for (const [kind, word] of [['nan', 'NaN'], ['inf', 'inf'], ['neginf', '-inf']] as const) for (const at of each[kind].x) points.push([at, word])
    points.sort((a, b) => a[0] - b[0])
    for (const [at, value] of points) rows.push(`${head},${at},${value}`)
  }
  return `${rows.join('\n')}\n`
}

export const saveCsv = (title: string, text: string): void => download(`${plainName(title)}.csv`, new Blob([text], { type: 'text/csv' }))
