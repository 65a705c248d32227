/** One file: what it is decides how it is shown; what cannot be shown says why, and can be downloaded. */
import type { ComponentChildren } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { copy } from '../../core/copy'
import { bytes as sized, count } from '../../core/format'
import { useKeys } from '../../core/keys'
import { type Json, JsonTree } from '../json'
import { Prose } from '../prose-view'
import { Failed, Nothing } from '../states'
import { Code } from './code'
import { Diff } from './diff'
import { Frame } from './frame'
import { drawingOf } from './geo'
import { Picture } from './image'
import { hexLines, isBinary, type Kind, kindOf, languageOf, nameOf } from './kinds'
import { Media } from './media'
import { Notebook } from './notebook'
import { Shapes } from './shapes'
import { downloadUrl, FIRST, type Head, MOST, type Owner, previewUrl, useHead } from './source'
import { Table } from './table'
import './artifact.css'

const TITLES: Partial<Record<Kind, string>> = { table: 'Table', json: 'Tree', geojson: 'Drawing', markdown: 'Text', html: 'Page', svg: 'Picture', image: 'Picture', notebook: 'Notebook', diff: 'Changes', pdf: 'Pages' }
/** Kinds whose source is worth a look. */
const SOURCES = new Set<Kind>(['table', 'json', 'geojson', 'markdown', 'html', 'svg', 'notebook', 'diff'])
const NO_TEXT = /\.(parquet|pq)$/i
/** Kinds that need the whole file, up to the most that is read. */
const WHOLE = new Set<Kind>(['json', 'geojson', 'svg', 'notebook', 'diff', 'markdown'])
const MOST_TREE = 2 << 20
const DUMPED = 512

export interface ViewerProps {
  owner: Owner
  path: string
  /** In bytes; null if nobody knows. */
  size: number | null
  /** Beside the name: other things to do with the file. */
  acts?: ComponentChildren
}

export default function Viewer({ owner, path, size, acts }: ViewerProps) {
  const kind = kindOf(path)
  const [source, setSource] = useState('')
  const asText = source === path
  const name = nameOf(path)
  const url = downloadUrl(owner, path)
  const canSwitch = SOURCES.has(kind) && !NO_TEXT.test(path) && size !== 0
  useKeys('File', {
    w: { does: 'Download the file', run: () => location.assign(url) },
    s: canSwitch ? { does: 'Source of the file, or what it shows', run: () => setSource(asText ? '' : path) } : undefined,
  })
  return (
    <section class="art-viewer" aria-label={name}>
      <div class="cap">
        <h2 class="m cut" title={path}>{name}</h2>
        <button class="btn flat" title="Copy the path" onClick={() => void copy(path, 'path copied')}>copy path</button>
        <span class="x" />
        {acts}
        {canSwitch && <button class="btn flat" aria-pressed={asText} onClick={() => setSource(asText ? '' : path)}>{asText ? (TITLES[kind] ?? 'View').toLowerCase() : 'source'}<kbd>s</kbd></button>}
        <a class="btn" href={url} download={name}>Download {size === null ? '' : sized(size)}<kbd>w</kbd></a>
      </div>
      <Body key={`${path} ${asText}`} owner={owner} path={path} size={size} kind={size === 0 ? 'text' : asText ? (languageOf(path) ? 'code' : 'text') : kind} />
    </section>
  )
}

function Body({ owner, path, size, kind }: { owner: Owner; path: string; size: number | null; kind: Kind }) {
  if (size === 0) return <Empty />
  if (kind === 'table') return <Table owner={owner} path={path} />
  if (kind === 'image') return <Picture src={previewUrl(owner, path)} alt={nameOf(path)} wrong={<Wrong owner={owner} path={path} />} />
  if (kind === 'html') return <Page owner={owner} path={path} />
  if (kind === 'media') return <Media owner={owner} path={path} size={size} dump={<Bytes owner={owner} path={path} />} />
  if (kind === 'pdf') return <Pdf owner={owner} path={path} />
  return <Text owner={owner} path={path} kind={kind} />
}

const Empty = () => <div class="dots fillup"><Nothing title="This file is empty">It has no bytes.</Nothing></div>

/** What is named as a picture, but is not one: its first bytes. */
function Wrong({ owner, path }: { owner: Owner; path: string }) {
  return (
    <>
      <Nothing title="This is no picture">The file is named as one, but its bytes are something else. It can be downloaded as it is.</Nothing>
      <Bytes owner={owner} path={path} />
    </>
  )
}

function Bytes({ owner, path }: { owner: Owner; path: string }) {
  const { head } = useHead(owner, path, DUMPED)
  return head ? <Dump head={head} /> : null
}

function Dump({ head }: { head: Head }) {
  return <div class="art-dump"><p class="s i3">its first bytes</p><Code text={hexLines(head.bytes.subarray(0, DUMPED))} numbers={false} label="Bytes" /></div>
}

function Text({ owner, path, kind }: { owner: Owner; path: string; kind: Kind }) {
  const [wanted, setWanted] = useState(WHOLE.has(kind) ? MOST : FIRST)
  const { head, error, reload } = useHead(owner, path, kind === 'binary' ? DUMPED : wanted)
  if (error) return <Failed what="The file could not be read" error={error} retry={reload} />
  if (!head) return null
  if (!head.bytes.length) return <Empty />
  if (kind === 'binary' || isBinary(head.bytes)) {
    return (
      <div class="dots fillup">
        <Nothing title="This file is no text">{head.size === null ? 'It' : `Its ${sized(head.size)}`} can be downloaded.</Nothing>
        <Dump head={head} />
      </div>
    )
  }
  return <Shown owner={owner} path={path} kind={kind} head={head} more={wanted < MOST ? () => setWanted(MOST) : undefined} />
}

function Shown({ owner, path, kind, head, more }: { owner: Owner; path: string; kind: Kind; head: Head; more?: () => void }) {
  const text = useMemo(() => new TextDecoder().decode(head.bytes), [head])
  const [wrap, setWrap] = useState(false)
  useKeys('Text', { b: { does: wrap ? 'Long lines as they are' : 'Break long lines', run: () => setWrap(!wrap) } })
  const isWhole = head.size === null || head.bytes.length >= head.size
  const json = useMemo(() => ((kind === 'json' || kind === 'geojson') && isWhole && head.bytes.length <= MOST_TREE ? parsed(text) : undefined), [text, kind])
  const part = !isWhole && (
    <div class="art-under">
      <span>the first {sized(head.bytes.length)} of {sized(head.size!)}</span><span class="x" />
      {more && <button class="btn" onClick={more}>Show {head.size! <= MOST ? 'all' : `the first ${sized(MOST)}`}</button>}
    </div>
  )
  const drawing = useMemo(() => (kind === 'geojson' ? drawingOf(json) : undefined), [json])
  if (kind === 'json' && (json === undefined ? !isWhole && /^\s*\{\s*"columns"\s*:/.test(text) : isTable(json))) return <Table owner={owner} path={path} />
  if (drawing) return <Shapes drawing={drawing} name={nameOf(path)} />
  if (json !== undefined) return <div class="fillup art-json" tabIndex={0} role="region" aria-label="JSON"><JsonTree value={json as Json} /></div>
  if (kind === 'markdown') return <><div class="fillup page"><Prose text={text} /></div>{part}</>
  if (kind === 'svg' && isWhole) return <Picture src={`data:image/svg+xml;base64,${base64(head.bytes)}`} alt={nameOf(path)} />
  if (kind === 'notebook' && isWhole) return <Notebook text={text} />
  if (kind === 'diff') return <><div class="fillup"><Diff text={text} /></div>{part}</>
  return <><Code text={text} wrap={wrap} language={kind === 'text' ? '' : languageOf(path)} label={`Text, ${count(head.bytes.length)} bytes`} />{part}</>
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** MLflow's logged tables: {"columns": [...], "data": [[...]]}. */
const isTable = (json: unknown): boolean =>
  typeof json === 'object' && json !== null && Array.isArray((json as { columns?: unknown }).columns) && Array.isArray((json as { data?: unknown }).data)

function base64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(text)
}

/** HTML in a place of its own: without an origin, the page, or a network. */
const Page = ({ owner, path }: { owner: Owner; path: string }) => <Frame owner={owner} path={path} title={nameOf(path)} sandbox="allow-scripts" under="shown apart from this page: it sees nothing of it and reaches no network" />

function Pdf({ owner, path }: { owner: Owner; path: string }) {
  if (!navigator.pdfViewerEnabled) return <div class="dots fillup"><Nothing title="This browser shows no PDF">The file can be downloaded.</Nothing></div>
  return <Frame owner={owner} path={path} title={nameOf(path)} under="shown by the browser's own viewer: what stays empty there is broken, and can be downloaded" />
}
