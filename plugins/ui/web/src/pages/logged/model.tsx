/** One logged model: what made it, its numbers, what it takes and gives, its files, who registered it. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { fetchRaw, num, urlOf } from '../../core/api'
import { copy } from '../../core/copy'
import { bytes, columnOf, exact } from '../../core/format'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { useResource } from '../../core/resource'
import { href, may } from '../../core/root'
import { navigate } from '../../core/router'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Peg } from '../../parts/peg'
import { type Signature, signatureOf } from '../../parts/signature'
import { SignatureTable } from '../../parts/signature-table'
import { Failed, Nothing } from '../../parts/states'
import { Ago } from '../../parts/time'
import { lastMetrics, type LoggedModel, shapeOfStatus, statusOf } from './answers'

interface RunAnswer {
  run: { info: { run_id: string; run_name: string; status: string } }
}

interface Versions {
  model_versions?: { name: string; version: string; current_stage: string; aliases?: string[]; creation_timestamp: number }[]
}

interface Files {
  files?: { path: string; is_dir: boolean; file_size?: number | string }[]
}

const API = '/api/2.0/mlflow'

export function LoggedPage({ id }: { id: string }) {
  const found = useResource<{ model: LoggedModel }>(`${API}/logged-models/${encodeURIComponent(id)}`)
  const model = found.data?.model
  return (
    <>
      <Bar place={<><a class="i3" href={href(`/logged-models${model ? `?exp=${model.info.experiment_id}` : ''}`)}>logged models</a><span class="sep">/</span><h1>{model?.info.name ?? id}</h1></>} />
      <div class="scroll dots">
        {found.error && (found.error.status === 404 ? <Nothing title="There is no such logged model">{found.error.message}</Nothing> : <Failed what="The logged model could not be read" error={found.error} retry={found.reload} />)}
        {model && <Body model={model} />}
      </div>
      <Foot><span class="k">models:/{id}</span></Foot>
    </>
  )
}

function Body({ model }: { model: LoggedModel }) {
  const { info, data } = model
  const run = useResource<RunAnswer>(info.source_run_id ? `${API}/runs/get` : null, { run_id: info.source_run_id })
  const versions = useResource<Versions>(`${API}/model-versions/search`, { filter: `model_id = '${info.model_id}'`, max_results: 100 })
  const signature = useSignature(info.model_id)
  useEffect(() => { if (info.source_run_id) give([info.source_run_id]) }, [info.source_run_id])
  const address = `models:/${info.model_id}`
  const register = () => navigate(`/models?register=${encodeURIComponent(address)}`)
  useKeys('Logged model', {
    o: info.source_run_id ? { does: 'Open the run', run: () => navigate(`/runs/${info.source_run_id}`) } : undefined,
    n: may('write') ? { does: 'Register the model', run: register } : undefined,
  })
  const source = run.data?.run.info
  return (
    <div class="log-page">
      <section class="log-title">
        <div class="v"><Peg run={info.source_run_id} status={shapeOfStatus(info.status)} size={16} /><b class="cut" title={info.name}>{info.name}</b></div>
        <p class="m i2">{info.model_type || 'no type'}, {statusOf(info.status)}{info.status_message && <span class="bad"> {info.status_message}</span>}, logged <Ago at={Number(info.creation_timestamp_ms)} />{source && <> by <a class="link" href={href(`/runs/${source.run_id}`)}>{source.run_name}</a></>}</p>
        <div class="log-acts">
          {may('write') && <button class="btn main" onClick={register}>Register<kbd>n</kbd></button>}
          {info.source_run_id && <a class="btn" href={href(`/runs/${info.source_run_id}`)}>Open the run<kbd>o</kbd></a>}
          <button class="btn" onClick={() => void copy(address, 'address copied')}>Copy address</button>
        </div>
      </section>
      <div class="log-cols">
        <div>
          <Section title="Registered as" count={versions.data?.model_versions?.length}>
            {versions.error ? <p class="bad">{versions.error.message}</p> : versions.data?.model_versions?.length ? <ul class="log-versions">{versions.data.model_versions.map((each) => <li key={each.name + each.version}><a class="link" href={href(`/models/${encodeURIComponent(each.name)}/${each.version}`)}>{each.name} v{each.version}</a> {(each.aliases ?? []).map((alias) => <span key={alias} class="mod-alias">{alias}</span>)}</li>)}</ul> : versions.data && <p class="i3">Not registered.</p>}
          </Section>
          <Section title="Metrics" count={lastMetrics(data.metrics).length}><Metrics model={model} /></Section>
          <Section title="Parameters" count={data.params?.length}>{data.params?.length ? <Pairs pairs={data.params} /> : <p class="i3">None.</p>}</Section>
          <Section title="Tags">{info.tags?.some((tag) => !tag.key.startsWith('mlflow.')) ? <Pairs pairs={info.tags.filter((tag) => !tag.key.startsWith('mlflow.'))} /> : <p class="i3">None.</p>}</Section>
        </div>
        <div>
          <Section title="Signature">{signature === undefined ? <p class="i3">Reading…</p> : signature === null ? <p class="i3">The files of this model have none, or the server cannot read them.</p> : <SignatureTable signature={signature} />}</Section>
          <Section title="Files"><FileList id={info.model_id} uri={info.artifact_uri} /></Section>
        </div>
      </div>
    </div>
  )
}

function Section({ title, count, children }: { title: string; count?: number; children: ComponentChildren }) {
  return <section class="log-sec"><h2>{title}{count ? <span class="m i3"> {count}</span> : null}</h2>{children}</section>
}

function Metrics({ model }: { model: LoggedModel }) {
  const metrics = lastMetrics(model.data.metrics)
  if (!metrics.length) return <p class="i3">None.</p>
  return (
    <dl class="kv">
      {metrics.flatMap((metric) => {
        const value = num(metric.value)
        const on = metric.dataset_name ? ` on ${metric.dataset_name}` : ''
        const key = `${metric.key}${on}${metric.dataset_digest ?? ''}`
        return [<dt key={`${key} k`} title={metric.key + on}>{metric.key}<span class="i3">{on}</span></dt>, <dd key={key} title={`${exact(value)}, step ${metric.step}`}>{columnOf([value], { zero: true })(value)}</dd>]
      })}
    </dl>
  )
}

function Pairs({ pairs }: { pairs: readonly { key: string; value: string }[] }) {
  return <dl class="kv">{[...pairs].sort((a, b) => (a.key < b.key ? -1 : 1)).flatMap(({ key, value }) => [<dt key={`${key} k`} title={key}>{key}</dt>, <dd key={key} title={value}>{value}</dd>])}</dl>
}

function FileList({ id, uri }: { id: string; uri: string }) {
  const [at, setAt] = useState('')
  const found = useResource<Files>(`${API}/logged-models/${encodeURIComponent(id)}/artifacts/directories`, { artifact_directory_path: at })
  const files = found.data?.files ?? []
  return (
    <>
      {at && <p class="m"><button class="link" onClick={() => setAt(at.split('/').slice(0, -1).join('/'))}>up</button> {at}</p>}
      {found.error ? <p class="bad">{found.error.message} <span class="i3 m">{uri}</span></p> : (
        <ul class="log-files">
          {files.map((file) => {
            const name = file.path.split('/').at(-1)
            return <li key={file.path}>{file.is_dir ? <button class="link" onClick={() => setAt(file.path)}>{name}/</button> : <a class="link" download href={urlOf(`${API}/logged-models/${encodeURIComponent(id)}/artifacts/files`, { artifact_file_path: file.path })}>{name}</a>}<span class="x" />{!file.is_dir && <span class="i3">{bytes(Number(file.file_size ?? 0))}</span>}</li>
          })}
          {found.data && !files.length && <li class="i3">No files.</li>}
        </ul>
      )}
      {files.length > 0 && <p class="i3">A click on a file downloads it.</p>}
    </>
  )
}

function useSignature(id: string): Signature | null | undefined {
  const [found, setFound] = useState<Signature | null>()
  useEffect(() => {
    const abort = new AbortController()
    const read = async () => {
      const answer = await fetchRaw('artifacts/preview', { model_id: id, path: 'MLmodel', bytes: 1 << 20 }, { signal: abort.signal })
      return signatureOf(await answer.text()) ?? null
    }
    read().then(setFound, () => { if (!abort.signal.aborted) setFound(null) })
    return () => abort.abort()
  }, [id])
  return found
}
