/** What a file is to a viewer, by its name and what the server makes of it. */

export type Kind = 'text' | 'code' | 'markdown' | 'json' | 'geojson' | 'table' | 'image' | 'svg' | 'html' | 'pdf' | 'notebook' | 'diff' | 'media' | 'binary'

const LANGUAGES: Record<string, string> = {
  py: 'python', pyi: 'python', json: 'json', jsonl: 'json', geojson: 'json', js: 'javascript', mjs: 'javascript', ts: 'javascript', yaml: 'yaml', yml: 'yaml',
  sh: 'bash', bash: 'bash', toml: 'ini', ini: 'ini', cfg: 'ini', conf: 'ini', sql: 'sql', html: 'xml', xml: 'xml', svg: 'xml',
}
const TABLES = new Set(['csv', 'tsv', 'tab', 'jsonl', 'ndjson', 'parquet', 'pq'])
const IMAGES = new Set(['png', 'jpg', 'jpeg', 'gif', 'webp', 'avif'])
const MEDIA = new Set(['wav', 'mp3', 'ogg', 'flac', 'm4a', 'aac', 'opus', 'mp4', 'webm', 'mov', 'mkv', 'avi'])
const TEXTS = new Set(['txt', 'log', 'out', 'err', 'lock', 'gitignore', 'tex', 'rst', 'env', 'properties', ''])
const BINARIES = new Set(['pt', 'pth', 'ckpt', 'safetensors', 'bin', 'pkl', 'pickle', 'joblib', 'npy', 'npz', 'h5', 'onnx', 'zip', 'gz', 'tar', 'xz', 'zst', 'whl', 'so', 'exe', 'db', 'sqlite'])

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export function endingOf(path: string): string {
  const name = nameOf(path)
  const dot = name.lastIndexOf('.')
  return dot < 0 ? '' : name.slice(dot + 1).toLowerCase()
}

export const languageOf = (path: string): string => (nameOf(path) === 'MLmodel' ? 'yaml' : (LANGUAGES[endingOf(path)] ?? ''))

export function kindOf(path: string): Kind {
  const ending = endingOf(path)
  if (TABLES.has(ending)) return 'table'
  if (IMAGES.has(ending)) return 'image'
  if (MEDIA.has(ending)) return 'media'
  if (BINARIES.has(ending)) return 'binary'
  if (ending === 'svg') return 'svg'
  if (ending === 'html' || ending === 'htm') return 'html'
  if (ending === 'pdf') return 'pdf'
  if (ending === 'ipynb') return 'notebook'
  if (ending === 'json') return 'json'
  if (ending === 'geojson') return 'geojson'
  if (ending === 'md' || ending === 'markdown') return 'markdown'
  if (ending === 'patch' || ending === 'diff') return 'diff'
  if (LANGUAGES[ending] || nameOf(path) === 'MLmodel') return 'code'
  return TEXTS.has(ending) ? 'text' : 'text'
}

/** Whether bytes are no text: zeros, or too much that is not of UTF-8. */
export function isBinary(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 4096)
  if (head.includes(0)) return true
  const text = new TextDecoder().decode(head)
  let odd = 0
  for (const sign of text) if (sign === '\ufffd' || (sign < ' ' && !/[\t\n\r\f\u001b]/.test(sign))) odd++
  // A sign that is cut at the end is none.
  return odd > 1 && odd > text.length / 50
}

/** Bytes as an editor of bytes shows them: place, 16 bytes, and what they are as text. */
export function hexLines(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)]
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${text}`)
  }
  return lines.join('\n')
}

export interface Frame {
  path: string
  step: number
  time: number
}

const STEP = /^(.*)[+%]step[+%](-?\d+)[+%]timestamp[+%](\d+)[+%][0-9a-f-]+(\+compressed|%compressed)?\.(\w+)$/

/** Images of steps in a directory, as log_image(key=…, step=…) names them: by key, in order. */
export function seriesOf(paths: readonly string[]): Map<string, Frame[]> {
  const found = new Map<string, Frame[]>()
  for (const path of paths) {
    const match = STEP.exec(nameOf(path))
    if (!match || match[4]) continue
    const key = match[1]!.replace(/[~#]/g, '/')
    const frames = found.get(key) ?? found.set(key, []).get(key)!
    frames.push({ path, step: Number(match[2]), time: Number(match[3]) })
  }
  for (const frames of found.values()) frames.sort((a, b) => a.step - b.step || a.time - b.time)
  return found
}

export const isFrame = (path: string): boolean => STEP.test(nameOf(path))

/** The directories above a path, outermost first: 'a/b/c' has 'a' and 'a/b'. */
export function above(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('/'))
}
