/** What a picture is drawn with: a canvas, or the text of an SVG; the same calls for both. */

export type Pen = Pick<
  CanvasRenderingContext2D,
  | 'beginPath' | 'moveTo' | 'lineTo' | 'closePath' | 'rect' | 'arc' | 'stroke' | 'fill' | 'clip' | 'save' | 'restore'
  | 'setLineDash' | 'fillText' | 'strokeText' | 'measureText' | 'fillRect'
  | 'strokeStyle' | 'fillStyle' | 'lineWidth' | 'lineJoin' | 'lineCap' | 'globalAlpha' | 'font' | 'textAlign'
>

interface State {
  strokeStyle: string
  fillStyle: string
  lineWidth: number
  lineJoin: CanvasLineJoin
  lineCap: CanvasLineCap
  globalAlpha: number
  font: string
  textAlign: CanvasTextAlign
  dash: number[]
  clip: string
}

const START: State = {
  strokeStyle: '#000', fillStyle: '#000', lineWidth: 1, lineJoin: 'miter', lineCap: 'butt', globalAlpha: 1,
  font: '11px monospace', textAlign: 'start', dash: [], clip: '',
}
const ANCHORS: Record<string, string> = { center: 'middle', right: 'end', end: 'end' }
const LETTER = 0.6

export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd')
const short = (n: number): string => String(Math.round(n * 100) / 100)

/** Writes SVG. */
export class SvgPen implements Pen {
  strokeStyle = START.strokeStyle as string
  fillStyle = START.fillStyle as string
  lineWidth = START.lineWidth
  lineJoin = START.lineJoin
  lineCap = START.lineCap
  globalAlpha = START.globalAlpha
  font = START.font
  textAlign = START.textAlign
  private dash: number[] = []
  private clipped = ''
  private path = ''
  private clips = 0
  private readonly stack: State[] = []
  private readonly parts: string[] = []

  constructor(private readonly width: number, private readonly height: number) {}

  beginPath(): void { this.path = '' }
  moveTo(x: number, y: number): void { this.path += `M${short(x)} ${short(y)}` }
  lineTo(x: number, y: number): void { this.path += `L${short(x)} ${short(y)}` }
  closePath(): void { this.path += 'z' }
  rect(x: number, y: number, w: number, h: number): void { this.path += `M${short(x)} ${short(y)}h${short(w)}v${short(h)}h${short(-w)}z` }
  arc(x: number, y: number, r: number): void { this.path += `M${short(x - r)} ${short(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0` }
  setLineDash(dash: Iterable<number>): void { this.dash = [...dash] }
  measureText(text: string): TextMetrics { return { width: text.length * parseFloat(/[\d.]+px/.exec(this.font)?.[0] ?? '11') * LETTER } as TextMetrics }
  fillRect(x: number, y: number, w: number, h: number): void {
    this.beginPath()
    this.rect(x, y, w, h)
    this.fill()
  }
  stroke(): void { this.put(`<path d="${this.path}" fill="none" ${this.lines()}/>`) }
  fill(): void { this.put(`<path d="${this.path}" fill="${escaped(this.fillStyle)}"${this.faint()}/>`) }
  fillText(text: string, x: number, y: number): void { this.put(`<text ${this.letters(x, y)} fill="${escaped(this.fillStyle)}">${escaped(text)}</text>`) }
  strokeText(text: string, x: number, y: number): void { this.put(`<text ${this.letters(x, y)} fill="none" ${this.lines()}>${escaped(text)}</text>`) }
  clip(): void {
    this.clipped = `c${this.clips++}`
    this.parts.push(`<clipPath id="${this.clipped}"><path d="${this.path}"/></clipPath>`)
  }
  save(): void {
    const { strokeStyle, fillStyle, lineWidth, lineJoin, lineCap, globalAlpha, font, textAlign, dash, clipped } = this
    this.stack.push({ strokeStyle, fillStyle, lineWidth, lineJoin, lineCap, globalAlpha, font, textAlign, dash, clip: clipped })
  }
  restore(): void {
    const { clip, dash, ...rest } = this.stack.pop() ?? START
    Object.assign(this, rest)
    this.dash = dash
    this.clipped = clip
  }

  toString(): string {
    const size = `width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}"`
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${this.parts.join('\n')}</svg>\n`
  }

  private put(part: string): void {
    this.parts.push(this.clipped ? part.replace(/^<(\w+)/, `<$1 clip-path="url(#${this.clipped})"`) : part)
  }
  private faint(): string { return this.globalAlpha < 1 ? ` opacity="${short(this.globalAlpha)}"` : '' }
  private lines(): string {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.map(short).join(' ')}"` : ''
    return `stroke="${escaped(this.strokeStyle)}" stroke-width="${this.lineWidth}" stroke-linejoin="${this.lineJoin}" stroke-linecap="${this.lineCap}"${dash}${this.faint()}`
  }
  private letters(x: number, y: number): string {
    const [, weight = '', size = '11', family = ''] = /^(\d+ )?([\d.]+)px (.*)$/.exec(this.font) ?? []
    return `x="${short(x)}" y="${short(y)}" font-size="${size}" font-family="${escaped(family)}"${weight ? ` font-weight="${weight.trim()}"` : ''} text-anchor="${ANCHORS[this.textAlign] ?? 'start'}"${this.faint()}`
  }
}
