/** A text of two runs, line by line: parameters, tags, any file, and the commits they came from. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Failure, fetchRaw, get } from '../../core/api'
import { copy } from '../../core/copy'
import { param, setQuery } from '../../core/router'
import { useSeen } from '../../parts/chart/seen'
import { Peg } from '../../parts/peg'
import type { Line } from './differ'
import type { Files } from './files'
import { type Answer, keyOf, plainOf, type Run } from './rows'
import { versionsOf } from './versions'

const PARAMS = '(parameters)'
const TAGS = '(tags)'
const SIGNATURE = '(signatures)'
const MOST_BYTES = 512 * 1024
const FIRST_LINES = 400
/** What a run writes down of what was not committed. */
const PATCH = 'environment/uncommitted.patch'

export function Texts({ runs, baseline, files }: { runs: Run[]; baseline: string; files: Files | undefined }) {
  const before = runs.find((run) => run.run_id === baseline) ?? runs[0]
  const others = runs.filter((run) => run !== before)
  const after = others.find((run) => run.run_id === param('with')) ?? others[0]
  if (!before || !after) return null
  const paths = Object.entries(files?.texts ?? {}).filter(([, sizes]) => before.run_id in sizes || after.run_id in sizes)
  const versions = versionsOf()
  const signed = versions.has(before.run_id) && versions.has(after.run_id)
  const file = param('file') || (signed ? SIGNATURE : first(paths) || PARAMS)
  const isKnown = file === PARAMS || file === TAGS || (signed && file === SIGNATURE) || paths.some(([path]) => path === file)
  return (
    <section class="cmp-diff" aria-label="Differences of texts">
      <div class="top">
        <select class="input" aria-label="Text" value={isKnown ? file : PARAMS} onChange={(event) => setQuery({ file: event.currentTarget.value })}>
          <option value={PARAMS}>parameters</option>
          <option value={TAGS}>tags</option>
          {signed && <option value={SIGNATURE}>signatures of {versions.get(before.run_id)} and {versions.get(after.run_id)}</option>}
          {paths.map(([path, sizes]) => <option key={path} value={path}>{path}{sizes[before.run_id] !== undefined && sizes[after.run_id] !== undefined ? '' : ', in one only'}</option>)}
        </select>
        <span class="i3"><Peg run={after.run_id} status={after.status} /></span>
        {others.length > 1 ? <select class="input" aria-label="Run" value={after.run_id} onChange={(event) => setQuery({ with: event.currentTarget.value })}>{others.map((run) => <option key={run.run_id} value={run.run_id}>{run.name}</option>)}</select> : <span class="m cut">{after.name}</span>}
        <span class="i3 nw">against</span>
        <Peg run={before.run_id} status={before.status} /><span class="m cut">{before.name}</span>
      </div>
      <Commits before={before} after={after} patch={paths.some(([path]) => path === PATCH)} />
      <Lines key={`${file} ${before.run_id} ${after.run_id}`} file={isKnown ? file : PARAMS} before={before} after={after} sizes={files?.texts[file] ?? {}} />
    </section>
  )
}

/** A configuration whose size differs is what people look for. */
function first(paths: [string, Record<string, number | null>][]): string {
  const both = paths.filter(([, sizes]) => Object.keys(sizes).length > 1)
  const configs = both.filter(([path]) => /\.(ya?ml|json|toml|ini|cfg)$/.test(path) && !/^(model|environment)\b|MLmodel/.test(path))
  const differs = ([, sizes]: [string, Record<string, number | null>]) => new Set(Object.values(sizes)).size > 1
  return (configs.find(differs) ?? configs[0] ?? [''])[0]!
}

function Commits({ before, after, patch }: { before: Run; after: Run; patch: boolean }) {
  if (!before.commit || !after.commit) return null
  if (before.commit === after.commit) return <p class="git i3">Both are from commit <span class="m">{after.commit.slice(0, 10)}</span>{patch && <>; <button class="link" onClick={() => setQuery({ file: PATCH })}>uncommitted changes</button></>}</p>
  const command = `git diff ${before.commit.slice(0, 12)} ${after.commit.slice(0, 12)}`
  const page = pageOf(after.repository, before.commit, after.commit)
  return (
    <p class="git"><code>{command}</code> <button class="link" onClick={() => void copy(command, 'command copied')}>copy</button>
      {page && <> <a class="link" href={page} target="_blank" rel="noreferrer">on {new URL(page).hostname}</a></>}
      {patch && <> <button class="link" onClick={() => setQuery({ file: PATCH })}>uncommitted changes</button></>}
    </p>
  )
}

/** Where a forge shows the difference of two commits; '' for what is no such place. */
export function pageOf(repository: string, before: string, after: string): string {
  const found = /^(?:https:\/\/(?:[^@/]*@)?|(?:ssh:\/\/)?git@)([\w.-]+)[:/](.+?)(?:\.git)?\/?$/.exec(repository)
  if (!found || !/^[0-9a-f]+$/.test(before + after)) return ''
  const [, host = '', path = ''] = found
  const way = host.includes('gitlab') ? '-/compare' : 'compare'
  return /^(github|gitlab|codeberg|gitea)\b/.test(host.replace(/^www\./, '')) ? `https://${host}/${path.split('/').map(encodeURIComponent).join('/')}/${way}/${before}...${after}` : ''
}

interface Told {
  lines?: Line[]
  said?: string
  cut?: boolean
}

function Lines({ file, before, after, sizes }: { file: string; before: Run; after: Run; sizes: Record<string, number | null> }) {
  const [told, setTold] = useState<Told>()
  const [all, setAll] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const seen = useSeen(box) || told !== undefined
  useEffect(() => {
    // To compare long texts takes the browser a while: not before somebody looks.
    if (!seen) return
    const abort = new AbortController()
    tell(file, before, after, sizes, abort.signal).then(setTold, (error: Error) => { if (!abort.signal.aborted) setTold({ said: error instanceof Failure ? `${error.message} ${error.hint}` : error.message }) })
    return () => abort.abort()
  }, [seen, JSON.stringify(sizes)])
  if (!told) return <div ref={box} class="lines" aria-busy="true" />
  if (!told.lines) return <p class="git i3">{told.said}</p>
  const lines = all ? told.lines : told.lines.slice(0, FIRST_LINES)
  return (
    <>
      <div class="lines" tabIndex={0} role="region" aria-label={`Lines of ${file} that differ`}>
        {lines.map((line, i) => <div key={i} class={line.sign === '+' ? 'p' : line.sign === '-' ? 'mi' : line.sign === '…' ? 'skip' : ''}><span class="sign">{line.sign === '…' ? '' : line.sign}</span>{line.text}</div>)}
      </div>
      {lines.length < told.lines.length && <p class="git"><button class="link" onClick={() => setAll(true)}>{told.lines.length - lines.length} more lines</button></p>}
      {told.cut && <p class="git warn">Only the first {MOST_BYTES / 1024} KB of each were compared.</p>}
    </>
  )
}

async function tell(file: string, before: Run, after: Run, sizes: Record<string, number | null>, abort: AbortSignal): Promise<Told> {
  const [{ differences, isSame }, ...texts] = await Promise.all([import('./differ'), ...[before, after].map((run) => textOf(file, run, sizes, abort))])
  const [from = '', to = ''] = texts
  if (from.includes('\0') || to.includes('\0')) return { said: 'These files are not texts.' }
  const lines = differences(from, to)
  if (!lines) return { said: 'The texts have too little in common for a comparison line by line.' }
  const cut = Object.values(sizes).some((size) => (size ?? 0) > MOST_BYTES)
  return isSame(lines) ? { said: `No difference in ${file.replace(/^\((.*)\)$/, '$1')}.`, cut } : { lines, cut }
}

async function textOf(file: string, run: Run, sizes: Record<string, number | null>, abort: AbortSignal): Promise<string> {
  if (file === PARAMS || file === TAGS) {
    const kind = file === PARAMS ? 'params' : 'tags'
    const found = await get<Answer>('runs/compare', { run_ids: [run.run_id], kinds: [kind] }, abort)
    return found.rows.map((row) => `${keyOf(row.column)}: ${plainOf(row, 0)}\n`).join('')
  }
  if (file === SIGNATURE) {
    const [name = '', version = ''] = (versionsOf().get(run.run_id) ?? '').split('/')
    const answer = await fetchRaw('/model-versions/get-artifact', { name, version, path: 'MLmodel' }, { signal: abort })
    const text = await answer.text()
    const { signatureOf, signatureText } = await import('../../parts/signature')
    return signatureText(signatureOf(text))
  }
  if (!(run.run_id in sizes)) return ''
  const answer = await fetchRaw('artifacts/preview', { run_id: run.run_id, path: file, bytes: MOST_BYTES }, { signal: abort })
  return answer.text()
}
