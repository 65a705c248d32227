/** Keeps a prompt as a version, and what models made of it as runs, in one request. */
import { useState } from 'preact/hooks'
import { type Failure, post } from '../../core/api'
import { plural } from '../../core/format'
import { useResource } from '../../core/resource'
import { Dialog } from '../../parts/dialog'
import type { ModelAnswer, Version } from '../../parts/registry/answers'
import { because } from '../../parts/registry/edits'
import { readable, valueOf } from '../../parts/prompt/template'
import type { Cell } from './answering'
import { saidOf } from './scores'

export interface Kept {
  endpoint: string
  parameters: Record<string, unknown>
  cells: readonly Cell[]
}

export interface SaveProps {
  name: string
  base: Version | undefined
  newest: Version | undefined
  /** The text is that of no version. */
  isNew: boolean
  answer: ModelAnswer | undefined
  body: { template: string; is_chat: boolean; response_format: string; variables: string; model_config: Record<string, unknown> }
  names: readonly string[]
  runs: readonly Kept[]
  done: (saved: { version: string; runs: string[] }, name: string) => void
  /** Asks what there is now. */
  failed: () => void
  close: () => void
}

interface Experiment {
  experiment_id: string
  name: string
}

const NAME = /^[A-Za-z0-9_.-]+$/

export default function Save({ name, base, newest, isNew, answer, body, names, runs, done, failed, close }: SaveProps) {
  const [given, setGiven] = useState(name)
  const [message, setMessage] = useState('')
  const [error, setError] = useState<Failure>()
  const [busy, setBusy] = useState(false)
  const experiments = useResource<{ experiments?: Experiment[] }>(runs.length ? '/api/2.0/mlflow/experiments/search' : null, { max_results: 200 })
  const listed = experiments.data?.experiments ?? []
  const home = answer?.model.tags?.find((tag) => tag.key === '_mlflow_experiment_ids')?.value.split(',').find((id) => listed.some((each) => each.experiment_id === id))
  const [chosen, setChosen] = useState('')
  const experiment = chosen || home || listed[0]?.experiment_id || '0'
  const wrong = given && !NAME.test(given) ? 'A name has letters, digits, and the signs _ . - alone.' : ''
  const later = isNew && base && newest && Number(newest.version) > Number(base.version) ? newest : undefined
  const send = async () => {
    if (busy || wrong || !given) return
    setBusy(true)
    setError(undefined)
    try {
      done(await post('ui/prompt-save', {
        name: given,
        ...(isNew ? { ...body, model_config: JSON.stringify(body.model_config), message } : { version: base!.version }),
        experiment_id: experiment,
        runs: runs.map(({ endpoint, parameters, cells }) => ({
          model_route: endpoint, parameters: JSON.stringify(parameters),
          rows: cells.map((cell) => ({ inputs: JSON.stringify(Object.fromEntries(names.map((each) => [each, valueOf(cell.job.inputs, each) ?? '']))), prompt: readable(cell.job.messages.length > 1 ? cell.job.messages : [{ role: '', content: cell.job.messages[0]!.content }]), output: cell.text, figures: JSON.stringify(figuresOf(cell)), scores: JSON.stringify(saidOf(cell)) })),
        })),
      }, because(message)), given)
    } catch (failure) {
      setError(failure as Failure)
      failed()
    } finally {
      setBusy(false)
    }
  }
  const title = isNew ? `Save ${name ? 'a version' : 'the prompt'}${runs.length ? ` and ${plural(runs.length, 'run')}` : ''}` : `Save ${plural(runs.length, 'run')} of v${base?.version}`
  return (
    <Dialog label={title} close={close}>
      <form onSubmit={(event) => { event.preventDefault(); void send() }}>
        <div class="top"><h2>{title}</h2></div>
        <div class="in">
          {!name && <label class="lab">Name<input class="input" autofocus value={given} placeholder="support-answer" spellcheck={false} autocomplete="off" onInput={(event) => setGiven(event.currentTarget.value)} />{wrong && <span class="bad">{wrong}</span>}</label>}
          {isNew && <label class="lab">What is new<input class="input s" autofocus={Boolean(name)} value={message} placeholder="for the history" autocomplete="off" onInput={(event) => setMessage(event.currentTarget.value)} /></label>}
          {runs.length > 0 && (
            <label class="lab">Experiment of the {runs.length > 1 ? 'runs' : 'run'}
              <select class="input" value={experiment} onChange={(event) => setChosen(event.currentTarget.value)}>{listed.map((each) => <option key={each.experiment_id} value={each.experiment_id}>{each.name}</option>)}</select>
            </label>
          )}
          {later && <p class="warn">v{later.version} was registered{later.user_id && ` by ${later.user_id}`} since; yours comes from v{base!.version} and becomes the newest.</p>}
          {runs.length > 0 && <p class="i3">{runs.map((run) => `${run.endpoint}: ${plural(run.cells.length, 'answer')}`).join(', ')}. Each model has a run, with its table of answers and a model that asks it again; scores are kept with it, and with a trace of each answer.</p>}
          {error && <p class="bad" role="alert">{error.message} {error.hint}</p>}
        </div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main" autofocus={Boolean(name) && !isNew} disabled={busy || !given || Boolean(wrong)}>Save<kbd>enter</kbd></button></div>
      </form>
    </Dialog>
  )
}

/** What a call took, under the names that tables of answers have. */
const figuresOf = ({ first, took, tokens, usd, mark }: Cell): Record<string, number> =>
  Object.fromEntries(Object.entries({ latency: took, first_token: first, prompt_tokens: tokens?.input, completion_tokens: tokens?.output, total_tokens: tokens && tokens.input + tokens.output, cost: usd, rating: mark }).flatMap(([key, value]) => (typeof value === 'number' ? [[key, +value.toPrecision(6)]] : [])))
