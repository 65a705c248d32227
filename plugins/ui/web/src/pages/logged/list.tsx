/** The logged models of experiments, the newest first. */
import { useEffect, useState } from 'preact/hooks'
import { Failure, num, post } from '../../core/api'
import { columnOf, exact, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { href } from '../../core/root'
import { listParam, navigate, param, setQuery } from '../../core/router'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { Age } from '../../parts/time'
import { lastMetrics, type LoggedModel, shapeOfStatus, statusOf } from './answers'

const PAGE = 50
const METRICS = 3

interface Found {
  models: LoggedModel[]
  token: string
}

export function LoggedList() {
  const [found, setFound] = useState<Found>()
  const [error, setError] = useState<Failure>()
  const [turn, setTurn] = useState(0)
  const [at, setAt] = useState(0)
  const asked = listParam('exp')
  const q = param('q')
  const page = param('page')
  useEffect(() => {
    let late = false
    search(asked, q, page).then((answer) => { if (!late) { setFound(answer); setError(undefined) } }, (failed: Error) => { if (!late && failed instanceof Failure) setError(failed) })
    return () => { late = true }
  }, [asked.join(), q, page, turn])
  const models = found?.models ?? []
  const step = (by: number) => () => setAt((now) => Math.max(0, Math.min(models.length - 1, now + by)))
  const current = models[at]
  useKeys('Logged models', {
    j: { does: 'Next model', run: step(1), quiet: true }, k: { does: 'Previous model', run: step(-1), quiet: true },
    ArrowDown: { does: 'Next model', run: step(1), quiet: true }, ArrowUp: { does: 'Previous model', run: step(-1), quiet: true },
    Enter: { does: 'Open the model', run: () => current && navigate(`/logged-models/${current.info.model_id}`), needs: !current && 'a model under the cursor (j)' },
    '/': { does: 'Filter', run: () => document.querySelector<HTMLInputElement>('.log-find input')?.focus() },
  })
  const wrong = error?.status === 400 && q ? error : undefined
  const counts = new Map<string, number>()
  for (const model of models) for (const { key } of lastMetrics(model.data.metrics)) counts.set(key, (counts.get(key) ?? 0) + 1)
  const keys = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, METRICS).map(([key]) => key)
  const valueOf = (model: LoggedModel, key: string) => num(lastMetrics(model.data.metrics).find((metric) => metric.key === key)?.value)
  const formats = keys.map((key) => columnOf(models.map((model) => valueOf(model, key))))
  return (
    <>
      <Bar place={<>{asked.length === 1 && <><a class="i3" href={href(`/experiments/${asked[0]}`)}>runs</a><span class="sep">/</span></>}<h1>logged models</h1></>}>
        <form class="log-find" onSubmit={(event) => { event.preventDefault(); setQuery({ q: new FormData(event.currentTarget).get('q') as string, page: null }) }}>
          <kbd>/</kbd><input name="q" key={q} aria-label="Filter" placeholder="name = 'classifier' and metrics.acc > 0.9" defaultValue={q} spellcheck={false} autocomplete="off" onKeyDown={(event) => { if (event.key === 'Escape') event.currentTarget.blur() }} />
        </form>
      </Bar>
      <div class="scroll dots">
        {wrong && <p class="log-wrong" role="alert"><span class="bad">{wrong.message}</span> {wrong.hint}</p>}
        {error && !wrong && <Failed what="The logged models could not be read" error={error} still={found ? 'What is shown is what was read before.' : ''} retry={() => setTurn((n) => n + 1)} />}
        {found && models.length > 0 && (
          <table class="log-list">
            <colgroup><col class="name" /><col class="w" /><col class="n" />{keys.map((key) => <col key={key} class="n" />)}<col /><col class="n" /></colgroup>
            <thead><tr><th>name</th><th>type</th><th>status</th>{keys.map((key) => <th key={key} class="r" title={key}>{key}</th>)}<th class="g">id</th><th class="r">made</th></tr></thead>
            <tbody>
              {models.map((model, i) => (
                <tr key={model.info.model_id} class={i === at ? 'at' : ''} onPointerEnter={() => setAt(i)}>
                  <td><span class="nm"><Peg status={shapeOfStatus(model.info.status)} run={model.info.source_run_id} /><a class="cut" href={href(`/logged-models/${model.info.model_id}`)} title={model.info.name}>{model.info.name}</a></span></td>
                  <td class="i2">{model.info.model_type || '–'}</td><td class="i2">{statusOf(model.info.status)}</td>
                  {keys.map((key, n) => <td key={key} class="r" title={exact(valueOf(model, key))}>{formats[n]!(valueOf(model, key))}</td>)}
                  <td class="g i3" title={model.info.model_id}>{model.info.model_id}</td><td class="r i2"><Age at={Number(model.info.creation_timestamp_ms)} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {found && !models.length && !error && <Nothing title={q ? 'No logged model fits' : 'No logged models yet'}>{q ? <button class="link" onClick={() => setQuery({ q: null })}>Take the filter away</button> : <>A run logs one with <span class="m">log_model(model, name="classifier")</span>.</>}</Nothing>}
      </div>
      <Foot right={<>{page && <button class="k" onClick={() => history.back()}>newer</button>}{found?.token && <button class="k" onClick={() => setQuery({ page: found.token })}>older</button>}</>}>
        {found && <span>{plural(models.length, 'logged model')}{found.token && ', and older ones'}</span>}
      </Foot>
    </>
  )
}

async function search(asked: readonly string[], filter: string, token: string): Promise<Found> {
  const ids = asked.length ? asked : await allExperiments()
  if (!ids.length) return { models: [], token: '' }
  const answer = await post<{ models?: LoggedModel[]; next_page_token?: string }>('/api/2.0/mlflow/logged-models/search', { experiment_ids: ids, filter: filter || undefined, max_results: PAGE, page_token: token || undefined })
  return { models: answer.models ?? [], token: answer.next_page_token ?? '' }
}

async function allExperiments(): Promise<string[]> {
  const found = await post<{ experiments?: { experiment_id: string }[] }>('/api/2.0/mlflow/experiments/search', { max_results: 1000 })
  return (found.experiments ?? []).map((each) => each.experiment_id)
}
