/** A chart as a file: PNG, SVG, CSV. */
import { download } from '../../core/copy'
import type { Ink } from './paint'
import { type Pen, SvgPen } from './pen'
import type { Size } from './seen'
import { decoded, type SeriesJson } from './series'

const plainName = (title: string): string => title.replace(/[^\w.-]+/g, '-').slice(0, 80) || 'chart'
const PNG_SCALE = 2

type Draw = (pen: Pen) => void

export function saveSvg(title: string, { width, height }: Size, ink: Ink, draw: Draw): void {
  const pen = new SvgPen(width, height)
  background(pen, { width, height }, ink)
  draw(pen)
  download(`${plainName(title)}.svg`, new Blob([pen.toString()], { type: 'image/svg+xml' }))
}

export function savePng(title: string, { width, height }: Size, ink: Ink, draw: Draw): void {
  const canvas = document.createElement('canvas')
  canvas.width = width * PNG_SCALE
  canvas.height = height * PNG_SCALE
  const pen = canvas.getContext('2d')
  if (!pen) return
  pen.scale(PNG_SCALE, PNG_SCALE)
  background(pen, { width, height }, ink)
  draw(pen)
  canvas.toBlob((blob) => blob && download(`${plainName(title)}.png`, blob))
}

function background(pen: Pen, { width, height }: Size, ink: Ink): void {
  pen.fillStyle = ink.surface
  pen.fillRect(0, 0, width, height)
}

export const csvCell = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** Points as CSV: run_id, run, metric, the x axis, value; NaN and infinities too. */
export function csvOf(series: readonly SeriesJson[], axis: string, nameOf: (run: string) => string): string {
  const rows = [['run_id', 'run', 'metric', axis, 'value'].map(csvCell).join(',')]
  for (const each of series) {
    const { main, raw } = decoded(each)
    const { x, y } = raw ?? main
    const head = [each.run_id, nameOf(each.run_id), each.key].map(csvCell).join(',')
    const points: [number, string][] = [...x].map((at, i) => [at, String(y[i])])
    for (const [kind, word] of [['nan', 'NaN'], ['inf', 'inf'], ['neginf', '-inf']] as const) for (const at of each[kind].x) points.push([at, word])
    points.sort((a, b) => a[0] - b[0])
    for (const [at, value] of points) rows.push(`${head},${at},${value}`)
  }
  return `${rows.join('\n')}\n`
}

export const saveCsv = (title: string, text: string): void => download(`${plainName(title)}.csv`, new Blob([text], { type: 'text/csv' }))
