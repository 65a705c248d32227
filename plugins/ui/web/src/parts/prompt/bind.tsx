/** Binds tests to a prompt: which rows, which models, what answers have to be like, and how many rows have to pass. */
import { useRef, useState } from 'preact/hooks'
import { type Failure, put } from '../../core/api'
import { useResource } from '../../core/resource'
import { about } from '../../core/root'
import { Dialog } from '../dialog'
import { type Draft, draftOf, formOf, RULES, type Scorer, scorerKey, TESTS, type Tests, wrongWith } from './tests'
import './tests.css'

export interface BindProps {
  name: string
  /** What is bound now. */
  tests: Tests | null | undefined
  /** What is loaded where it is bound from, in place of what is bound. */
  loaded?: { dataSetId: string; models: Draft['models']; scorers: readonly string[]; guidelines: string; judge: string }
  endpoints: readonly string[]
  done: () => void
  close: () => void
}

interface DataSet {
  dataset_id: string
  name: string
}

const EMPTY: Draft = { dataSet: '', models: [], rules: [], scorers: [], guidelines: '', judge: '', share: '100' }

export default function Bind(props: BindProps) {
  const scorers = useResource<{ scorers: Scorer[] }>('evaluations/scorers')
  const sets = useResource<{ datasets?: DataSet[] }>('/api/3.0/mlflow/datasets/search', { max_results: 50, order_by: ['last_update_time DESC'] })
  const failed = scorers.error ?? sets.error
  const title = `Tests of ${props.name}`
  // Anew when all is there: what is shown first takes the focus.
  if (scorers.data && sets.data) return <Form {...props} title={title} scorers={scorers.data.scorers} sets={sets.data.datasets ?? []} />
  return (
    <Dialog key="waits" label={title} close={props.close}>
      <div class="top"><h2>{title}</h2></div>
      <div class="in">{failed ? <p class="bad" role="alert">{failed.message} {failed.hint}</p> : <p class="i3" role="status">Scorers and data sets are being read.</p>}</div>
      <div class="do"><button class="btn" autofocus onClick={props.close}>Cancel</button></div>
    </Dialog>
  )
}

function first({ tests, loaded, endpoints }: BindProps, scorers: readonly Scorer[], sets: readonly DataSet[]): { draft: Draft; isMore: boolean } {
  const kept = tests ? draftOf(tests, scorers) : { draft: EMPTY, isMore: false }
  const judge = kept.draft.judge || endpoints.find((each) => /judge/i.test(each)) || endpoints[0] || ''
  if (!loaded) return { ...kept, draft: { ...kept.draft, judge, models: kept.draft.models.length ? kept.draft.models : endpoints.slice(0, 1).map((endpoint) => ({ endpoint })) } }
  const known = new Map(kept.draft.scorers.map(({ key, least }) => [key, least]))
  return {
    isMore: kept.isMore,
    draft: {
      ...kept.draft,
      dataSet: sets.find((each) => each.dataset_id === loaded.dataSetId)?.name ?? kept.draft.dataSet,
      models: loaded.models.length ? loaded.models : kept.draft.models,
      scorers: loaded.scorers.length ? loaded.scorers.map((key) => ({ key, least: known.get(key) ?? '' })) : kept.draft.scorers,
      guidelines: loaded.guidelines || kept.draft.guidelines,
      judge: loaded.judge || judge,
    },
  }
}

function Form(props: BindProps & { title: string; scorers: readonly Scorer[]; sets: readonly DataSet[] }) {
  const { name, tests, endpoints, done, close, title, scorers, sets } = props
  const [{ draft, isMore }, setState] = useState(() => first(props, scorers, sets))
  const [error, setError] = useState<Failure>()
  const [busy, setBusy] = useState(false)
  const change = (more: Partial<Draft>) => setState((now) => ({ ...now, draft: { ...now.draft, ...more } }))
  // Who adds a rule types it next.
  const added = useRef(false)
  const wrong = wrongWith(draft, scorers)
  const usable = scorers.filter((each) => !each.refused)
  const free = usable.filter((each) => !draft.scorers.some(({ key }) => key === scorerKey(each)))
  const chosen = draft.scorers.map(({ key }) => scorers.find((each) => scorerKey(each) === key))
  const asks = chosen.some((each) => each?.builtin && each.judge)
  const gone = draft.models.filter(({ endpoint }) => !endpoints.includes(endpoint))
  const send = async () => {
    if (busy || wrong) return
    setBusy(true)
    setError(undefined)
    try {
      await put(TESTS, { name, form: JSON.stringify(formOf({ ...draft, judge: asks ? draft.judge : '' }, scorers)), fail_under: Number(draft.share) / 100 })
      done()
    } catch (failure) {
      setError(failure as Failure)
    } finally {
      setBusy(false)
    }
  }
  const rule = (at: number, more: Partial<Draft['rules'][number]>) => change({ rules: draft.rules.map((each, i) => (i === at ? { ...each, ...more } : each)) })
  const toggle = (endpoint: string) => change({ models: draft.models.some((each) => each.endpoint === endpoint) ? draft.models.filter((each) => each.endpoint !== endpoint) : [...draft.models, { endpoint }] })
  return (
    <Dialog label={title} close={close} className="pt-bind">
      <form onSubmit={(event) => { event.preventDefault(); void send() }}>
        <div class="top"><h2>{title}</h2></div>
        <div class="in">
          {isMore && <p class="warn">The tests that are bound come from a file, and have more than this form shows; what you bind here replaces them.</p>}
          <label class="lab">Rows of the data set
            <select class="input" autofocus value={draft.dataSet} onChange={(event) => change({ dataSet: event.currentTarget.value })}>
              <option value="">choose one…</option>
              {draft.dataSet && !sets.some((each) => each.name === draft.dataSet) && <option value={draft.dataSet}>{draft.dataSet}</option>}
              {sets.map((each) => <option key={each.dataset_id} value={each.name}>{each.name}</option>)}
            </select>
          </label>
          {!sets.length && <p class="i3">There are no data sets yet; the playground makes one of rows that are typed or pasted.</p>}
          <fieldset>
            <legend class="lab">Put to</legend>
            {[...gone.map((each) => each.endpoint), ...endpoints].map((endpoint) => {
              const model = draft.models.find((each) => each.endpoint === endpoint)
              const params = Object.entries(model?.params ?? {}).map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join(', ')
              return <label key={endpoint} class="mod-check"><input type="checkbox" checked={Boolean(model)} onChange={() => toggle(endpoint)} /><span><span class="m">{endpoint}</span> <span class="i3">{[params, !endpoints.includes(endpoint) && 'not there any more'].filter(Boolean).join('; ')}</span></span></label>
            })}
            {!endpoints.length && <p class="i3">{about.features.includes('gateway') ? 'The gateway has no endpoint that answers chats.' : 'This server has no gateway.'}</p>}
          </fieldset>
          <fieldset>
            <legend class="lab">Each answer</legend>
            {draft.rules.map((each, at) => (
              <div key={at} class="pt-line">
                <select class="input" aria-label={`Rule ${at + 1}`} value={each.kind} onChange={(event) => rule(at, { kind: event.currentTarget.value })}>{Object.entries(RULES).map(([kind, words]) => <option key={kind} value={kind}>{words}</option>)}</select>
                {each.kind !== 'is-json' && <input ref={(box) => { if (box && added.current && at === draft.rules.length - 1) { added.current = false; box.focus() } }} class="input" aria-label={`Text of rule ${at + 1}`} value={each.value} spellcheck={false} autocomplete="off" placeholder={each.kind === 'length' ? '400' : '{{expectations.expected_response}}'} onInput={(event) => rule(at, { value: event.currentTarget.value })} />}
                <button type="button" class="btn flat" aria-label={`remove rule ${at + 1}`} onClick={() => change({ rules: draft.rules.filter((_, i) => i !== at) })}>remove</button>
              </div>
            ))}
            {draft.scorers.map(({ key, least }, at) => {
              const scorer = chosen[at]
              const label = scorer?.name ?? key
              return (
                <div key={key} class="pt-line">
                  <span class="m cut" title={scorer?.description}>{label}</span>
                  <label class="lab">at least <input class="input" aria-label={`Threshold of ${label}`} inputMode="decimal" value={least} placeholder="yes" autocomplete="off" onInput={(event) => change({ scorers: draft.scorers.map((one, i) => (i === at ? { key, least: event.currentTarget.value } : one)) })} /></label>
                  <button type="button" class="btn flat" aria-label={`remove ${label}`} onClick={() => change({ scorers: draft.scorers.filter((_, i) => i !== at) })}>remove</button>
                </div>
              )
            })}
            <div class="pt-add">
              <button type="button" class="btn" onClick={() => { added.current = true; change({ rules: [...draft.rules, { kind: 'icontains', value: '' }] }) }}>add a rule</button>
              {free.length > 0 && <select class="input" aria-label="Add a scorer" value="" onChange={(event) => { const key = event.currentTarget.value; event.currentTarget.value = ''; if (key) change({ scorers: [...draft.scorers, { key, least: '' }] }) }}><option value="">add a scorer…</option>{free.map((each) => <option key={scorerKey(each)} value={scorerKey(each)}>{each.name}{each.needs.length ? `, needs ${each.needs.join(' or ')}` : ''}</option>)}</select>}
            </div>
          </fieldset>
          {draft.scorers.some(({ key }) => key === ':Guidelines') && <label class="lab">Guidelines, one a line<textarea class="input" rows={3} value={draft.guidelines} placeholder="The answer names no competitor." onInput={(event) => change({ guidelines: event.currentTarget.value })} /></label>}
          {asks && <label class="lab">Judges of pegboard ask<select class="input" value={draft.judge} onChange={(event) => change({ judge: event.currentTarget.value })}>{endpoints.map((each) => <option key={each} value={each}>{each}</option>)}</select></label>}
          <label class="lab pt-share">Percent of the rows that have to pass <input class="input" inputMode="decimal" value={draft.share} autocomplete="off" onInput={(event) => change({ share: event.currentTarget.value })} /></label>
          <p class={wrong ? 'i2' : 'i3'} role="status">{wrong || `The data set is kept as it is now${tests ? '; versions that passed other tests have to pass these' : ''}.`}</p>
          {error && <p class="bad" role="alert">{error.message} {error.hint}</p>}
        </div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main" disabled={busy || Boolean(wrong)}>Bind<kbd>enter</kbd></button></div>
      </form>
    </Dialog>
  )
}
