/** Beside the charts: what went in, where it came from, what came out. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { num } from '../../core/api'
import { copy } from '../../core/copy'
import { bytes, count, exact, isNumeric, one, plural } from '../../core/format'
import { may, href } from '../../core/root'
import { withQuery } from '../../core/router'
import { Peg } from '../../parts/peg'
import { Spark } from '../../parts/spark'
import { Age } from '../../parts/time'
import { namedIn, PromptLink } from '../../parts/prompt/link'
import { readHead } from '../../parts/artifact/source'
import { codeOf, isLive, isSystem, matcher, type Overview, ownTags, type ParamRow, paramRows } from './data'
import { Note } from './note'
import { type Environment, useEnvironment } from './use'

export interface AsideProps {
  run: Overview
  show: (tags: Record<string, string | undefined>) => void
  done: () => void
  tagging: () => void
  untag: (key: string) => void
}

const MOST_PARAMS = 60

export function Aside({ run, show, done, tagging, untag }: AsideProps) {
  return (
    <aside class="run-aside" tabIndex={0} aria-label="About the run">
      <Note key={run.info.run_id} run={run} show={show} done={done} />
      <Params run={run} />
      <Origin run={run} />
      <Models run={run} />
      <Prompts run={run} />
      <Files run={run} />
      <Output run={run} />
      <Machine run={run} />
      <Tags run={run} tagging={tagging} untag={untag} />
    </aside>
  )
}

function Part({ title, detail, children }: { title: string; detail?: ComponentChildren; children: ComponentChildren }) {
  return <section><h2>{title} {detail !== undefined && <span class="m i3">{detail}</span>}</h2>{children}</section>
}

function Params({ run }: { run: Overview }) {
  const rows = paramRows(run)
  const [text, setText] = useState('')
  const [all, setAll] = useState(false)
  if (!rows.length) return null
  const fits = matcher(text) ?? (() => true)
  const found = rows.filter((row) => fits(row.key))
  const shown = all || text ? found : found.slice(0, MOST_PARAMS)
  const half = Math.ceil(shown.length / 2)
  const long = shown.some((row) => row.key.length + row.value.length + (row.was === undefined ? 0 : (row.was ?? '').length + 5) > 24)
  return (
    <Part title="Parameters" detail={`${count(rows.length)}${run.compare ? `, against ${run.compare.name}` : ''}`}>
      {rows.length > 24 && <input class="input" placeholder="words, or /regex/" aria-label="Find parameters" value={text} onInput={(event) => setText(event.currentTarget.value)} />}
      {long ? <Pairs rows={shown} /> : <div class="two"><Pairs rows={shown.slice(0, half)} /><Pairs rows={shown.slice(half)} /></div>}
      {found.length > shown.length && <button class="btn flat" onClick={() => setAll(true)}>all {count(found.length)}</button>}
    </Part>
  )
}

function Pairs({ rows }: { rows: ParamRow[] }) {
  return (
    <div class="kv">
      {rows.map((row) => [
        <span key={`${row.key} k`} title={row.key}>{row.key}</span>,
        <span key={row.key} title={row.value} class={isNumeric(row.value) ? '' : 'text'}>
          {row.was === undefined ? row.value : <span class="hot">{row.value} <span class="i2">{row.was === null ? 'new' : `was ${row.was}`}</span></span>}
        </span>,
      ])}
    </div>
  )
}

function Origin({ run }: { run: Overview }) {
  const code = codeOf(run.tags)
  const used = run.models.filter((model) => model.role === 'input')
  if (!run.datasets.length && !code.commit && !code.entry && !code.command && !used.length) return null
  return (
    <Part title="Came from">
      <div class="kv">
        {run.datasets.map((data, i) => [
          <span key={`${i} k`}>{data.context ? `data, ${data.context}` : 'data'}</span>,
          <span key={i} title={data.source}><button class="link" onClick={() => void copy(`${data.name}@${data.digest}`)} title={`${data.source_type} ${data.source}\n${data.profile ?? ''}`}>{data.name}@{data.digest.slice(0, 8)}</button></span>,
        ])}
        {used.map((model) => [<span key={`${model.model_id} k`}>model</span>, <span key={model.model_id} title={model.model_id}>{model.name}</span>])}
        {code.commit && <><span>code</span><span title={code.commit}><a href={`${href(`/runs/${run.info.run_id}`)}?tab=code`}>{code.branch || 'detached'} {code.commit.slice(0, 7)}{code.dirty && <span class="warn"> edited</span>}</a></span></>}
        {(code.command || code.entry) && <><span>command</span><span title={code.command || code.entry}><button class="run-plain" onClick={() => void copy(code.command || code.entry, 'command copied')}>{code.command || code.entry}</button></span></>}
      </div>
    </Part>
  )
}

function Models({ run }: { run: Overview }) {
  const made = run.models.filter((model) => model.role === 'output')
  if (!made.length && !run.versions.length) return null
  return (
    <Part title="Models" detail={[made.length && `${made.length} logged`, run.versions.length && `${run.versions.length} registered`].filter(Boolean).join(', ')}>
      <div class="kv">
        {made.map((model) => [
          <a key={`${model.model_id} k`} href={href(`/runs/${run.info.run_id}`) + withQuery({ tab: 'artifacts', model: model.model_id, path: 'MLmodel' })} title={model.model_id}>{model.name}</a>,
          <span key={model.model_id}>{model.step !== null && <>step {count(model.step)} </>}<span class="i3">{model.status === 'READY' ? '' : `${model.status.toLowerCase()} `}<Age at={model.created} /></span></span>,
        ])}
        {run.versions.map((version) => [
          <a key={`${version.name} ${version.version} k`} href={href(`/models/${encodeURIComponent(version.name)}/${version.version}`)}>{version.name} v{version.version}</a>,
          <span key={`${version.name} ${version.version}`}>{version.aliases.length > 0 && <span class="w5">{version.aliases.join(', ')} </span>}{version.stage !== 'None' && `${version.stage} `}<span class="i3"><Age at={version.created} /></span></span>,
        ])}
      </div>
    </Part>
  )
}

function Prompts({ run }: { run: Overview }) {
  const named = namedIn(run.tags['mlflow.linkedPrompts'])
  if (!named.length) return null
  return <Part title="Prompts" detail={named.length > 1 && count(named.length)}><p class="m">{named.map((each, i) => <span key={i}>{i > 0 && ', '}<PromptLink {...each} /></span>)}</p></Part>
}

function Files({ run }: { run: Overview }) {
  const { artifacts } = run
  if (artifacts.error) return <Part title="Artifacts"><p class="s bad">{artifacts.error}</p></Part>
  if (!artifacts.total) return null
  const link = (path: string) => href(`/runs/${run.info.run_id}`) + withQuery({ tab: 'artifacts', path, model: null, series: null })
  const whole = artifacts.all
  if (!whole) {
    return (
      <Part title="Artifacts" detail={`${count(artifacts.total)} at the top`}>
        <div class="kv">{artifacts.files.slice(0, 8).map((file) => [<a key={`${file.path} k`} href={link(file.path)} title={file.path}>{file.path}{file.is_dir && '/'}</a>, <span key={file.path}>{file.size === null ? '' : bytes(file.size)}</span>])}</div>
      </Part>
    )
  }
  return (
    <Part title="Artifacts" detail={`${count(whole.count)}${whole.cut ? '+' : ''}, newest first`}>
      <div class="kv">
        {whole.newest.slice(0, 6).map((file) => [
          <a key={`${file.path} k`} href={link(file.path)} title={file.path}>{file.path}{file.is_dir && '/'}</a>,
          <span key={file.path}>{file.is_dir ? plural(file.files, 'file') : bytes(file.size)} <span class="i3"><Age at={file.modified} /></span></span>,
        ])}
      </div>
    </Part>
  )
}

const TAIL = 4096
const TAIL_LINES = 6
const POLL_MS = 2000

/** The last lines of what the run printed; asked again while it runs. */
function Output({ run }: { run: Overview }) {
  const output = run.artifacts.all?.output
  const [lines, setLines] = useState<string[]>([])
  const [failed, setFailed] = useState('')
  const live = isLive(run.info.status)
  const id = run.info.run_id
  useEffect(() => {
    if (!output) return
    const abort = new AbortController()
    let timer = 0
    let from = Math.max(0, output.size - TAIL)
    const read = async () => {
      try {
        const head = await readHead({ run: id }, output.path, TAIL * 4, from, abort.signal)
        // It grows: what is behind the piece is looked at next time.
        if (head.size !== null && head.size > from + TAIL * 4) from = head.size - TAIL
        const text = new TextDecoder().decode(head.bytes).split(/\r?\n|\r/).filter((line) => line !== '')
        setLines(text.slice(-TAIL_LINES))
        setFailed('')
      } catch (error) {
        if (!abort.signal.aborted) setFailed((error as Error).message)
      }
      if (live && !abort.signal.aborted) timer = window.setTimeout(() => (document.hidden ? (timer = window.setTimeout(read, POLL_MS)) : void read()), POLL_MS)
    }
    void read()
    return () => { abort.abort(); clearTimeout(timer) }
  }, [id, output?.path, live])
  if (!output) return null
  return (
    <Part title="Output" detail={live ? 'live' : <a href={href(`/runs/${id}`) + withQuery({ tab: 'artifacts', path: output.path, model: null })}>{output.path}</a>}>
      {failed ? <p class="s bad">{failed}</p> : <div class="log" tabIndex={0} role="log" aria-label="Output">{lines.join('\n')}</div>}
    </Part>
  )
}

/** The measurements of the machine in words: 'cpu', 'gpu 0 memory'. */
export function machineName(key: string): string {
  return key.replace(/^system\//, '').replace(/_(utilization_)?percentage$/, '').replace(/_megabytes$/, '').replace(/_usage$/, '').replace(/^system_memory/, 'memory').replace(/gpu_(\d+)/, 'gpu $1').replace(/_/g, ' ')
}

export function machineValue(key: string, value: number | null): string {
  if (value === null) return '–'
  if (/percentage$/.test(key)) return `${one(Math.round(value * 10) / 10)} %`
  if (/megabytes$/.test(key)) return bytes(value * 1e6)
  if (/watts$/.test(key)) return `${one(Math.round(value))} W`
  return one(value)
}

const FIRST = ['gpu', 'cpu_utilization', 'system_memory_usage_percentage', 'network_receive', 'disk_usage_percentage', 'cpu']

function Machine({ run }: { run: Overview }) {
  const environment = useEnvironment(run)
  const keys = Object.keys(run.metrics).filter(isSystem)
  if (!keys.length && !environment) return null
  const rank = (key: string) => { const at = FIRST.findIndex((each) => key.slice(7).startsWith(each)); return at < 0 ? FIRST.length : at }
  const shown = [...keys].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, 4)
  return (
    <Part title="Machine" detail={machineOf(environment)}>
      <div class="kv run-sys">
        {shown.map((key) => {
          const metric = run.metrics[key]!
          const value = num(metric.last)
          return [
            <span key={`${key} k`} title={key}>{machineName(key)}</span>,
            <span key={key} title={exact(value)}>{metric.spark && <Spark values={metric.spark} width={132} height={16} hue="cx" dot={false} {...(/percentage/.test(key) ? { lo: 0, hi: 100 } : {})} />}<b>{machineValue(key, value)}</b></span>,
          ]
        })}
      </div>
    </Part>
  )
}

export function machineOf(found: Environment | undefined): string | undefined {
  if (!found) return undefined
  const gpus = found.gpus?.length ? `${found.gpus.length > 1 ? `${found.gpus.length} × ` : ''}${found.gpus[0]?.name ?? 'GPU'}` : ''
  return [found.platform?.hostname, gpus, found.cpu_count && plural(found.cpu_count, 'core'), found.memory_bytes && bytes(found.memory_bytes)].filter(Boolean).join(', ')
}

function Tags({ run, tagging, untag }: { run: Overview; tagging: () => void; untag: (key: string) => void }) {
  const tags = ownTags(run.tags)
  if (!tags.length && !may('write')) return null
  return (
    <section>
      <h2>Tags <span class="m i3">{tags.length}</span><span class="x" />{may('write') && <button class="btn flat" onClick={tagging}>tag<kbd>t</kbd></button>}</h2>
      <div class="kv run-tags-list">
        {tags.map(([key, value]) => [
          <span key={`${key} k`} title={key}>{key}</span>,
          <span key={key} title={value}><span class="cut">{value}</span>{may('write') && <button class="btn flat take" aria-label={`Remove the tag ${key}`} onClick={() => untag(key)}>remove</button>}</span>,
        ])}
      </div>
    </section>
  )
}

export function RunLink({ id, name, status }: { id: string; name: string; status: string }) {
  return <a class="nm m" href={href(`/runs/${id}`)}><Peg run={id} status={status} /><span class="cut">{name}</span></a>
}
