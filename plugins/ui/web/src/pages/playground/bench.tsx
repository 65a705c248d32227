/** A prompt at work: written, tried on models and rows, compared with the version that is in use, saved. */
import { useMemo, useRef, useState } from 'preact/hooks'
import type { Failure } from '../../core/api'
import { plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import type { Resource } from '../../core/resource'
import { useResource } from '../../core/resource'
import { about, href, may } from '../../core/root'
import { asList, listParam, navigate, param, setQuery } from '../../core/router'
import { say } from '../../core/undo'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { lazily } from '../../parts/lazy'
import { configOf, defaultsOf, formatOf as formatText, isJinja, knownOf, type Message, type Parts, partsOf, readable, textOf } from '../../parts/prompt/template'
import { TemplateDiff, TemplateText } from '../../parts/prompt/text'
import { byRank } from '../../parts/registry/figures'
import type { ModelAnswer, Version } from '../../parts/registry/answers'
import { Failed } from '../../parts/states'
import { type Job, MARKS, useAnswers } from './answering'
import { type Column, columnOf, columnOfConfig, columnText, configOfColumn, MOST_COLUMNS, parametersOf } from './columns'
import type { DataSetsProps } from './datasets'
import type { NewRowsProps } from './newrows'
import { beginning, differs, type Draft, formatOf, recall, remember } from './draft'
import { Editor, Inputs } from './editor'
import { messagesOf, useVariables } from './rendering'
import { idOf, Results } from './results'
import type { ScorersProps } from './scorers'
import { keyOf, type Scorer, useScores } from './scores'
import { type DataRow, inputsOf, MOST_ROWS, type Records, rowsOf } from './rows'
import type { Kept, SaveProps } from './save'
import type { BindProps } from '../../parts/prompt/bind'
import type { TestsAnswer } from '../../parts/prompt/tests'

const Save = lazily<SaveProps>('Saving', () => import('./save'), true)
const Scorers = lazily<ScorersProps>('The scorers', () => import('./scorers'), true)
const NewRows = lazily<NewRowsProps>('The rows', () => import('./newrows'), true)
const Bind = lazily<BindProps>('Binding tests', () => import('../../parts/prompt/bind'), true)
const DataSets = lazily<DataSetsProps>('The data sets', () => import('./datasets'), true)

export interface Gateway {
  /** Those with a prompt of their own take variables, and no messages. */
  endpoints: { name: string; chats: boolean; prompt?: string }[]
  needs_key: boolean
  embedded: boolean
}

export interface BenchProps {
  name: string
  /** The version it begins with. */
  base: Version | undefined
  answer: ModelAnswer | undefined
  gateway: Gateway | undefined
  trouble: Failure | undefined
  again: () => void
  found: Resource<ModelAnswer>
  /** Told before the address changes to what was saved: 'name/12'. */
  stay: (saved: string) => void
}

/** How many characters of a prompt a run keeps. */
const MOST_OF_RUN = 6000

const ONE = [{ id: 'typed', values: {} }]

/** The version in use, by an alias: that of the address, else the first by rank. */
function inUse(answer: ModelAnswer | undefined): { alias: string; version: Version } | undefined {
  const aliases = [...(answer?.model.aliases ?? [])].sort((a, b) => byRank(a.alias, b.alias))
  const chosen = aliases.find((each) => each.alias === param('against')) ?? aliases[0]
  const version = answer?.aliased.find((each) => each.version === chosen?.version)
  return chosen && version ? { alias: chosen.alias, version } : undefined
}

export function Bench({ name, base, answer, gateway, trouble, again, found, stay }: BenchProps) {
  const parts = useMemo(() => base && partsOf(base), [base])
  const [draft, setDraft] = useState<Draft>(() => recall(name, base?.version ?? '') ?? beginning(parts))
  const [choosing, setChoosing] = useState<Element>()
  const [writing, setWriting] = useState(false)
  const [saving, setSaving] = useState(false)
  const [scoring, setScoring] = useState<Element>()
  const [binding, setBinding] = useState(false)
  const [key, setKey] = useState('')
  const answers = useAnswers()
  const turn = useRef(0)
  const write = (more: Partial<Draft>) => { const next = { ...draft, ...more }; setDraft(next); remember(name, base?.version ?? '', next) }
  const known = useMemo(() => (base ? knownOf(base) : {}), [base])
  const jinja = isJinja(draft.template)
  const canRender = about.features.includes('prompts') && may('invoke')
  const { names, wrong: broken } = useVariables(draft.template, canRender)
  const defaults = useMemo(() => defaultsOf(known), [known])
  const endpoints = (gateway?.endpoints ?? []).filter((each) => each.chats && !each.prompt).map((each) => each.name)
  const columns = useColumns(base, endpoints)
  const set = (next: readonly Column[]) => setQuery({ on: asList(next.map(columnText)) }, { replace: true })
  const dataSet = param('data')
  const records = useResource<Records>(dataSet ? `/api/3.0/mlflow/datasets/${encodeURIComponent(dataSet)}/records` : null, { max_results: MOST_ROWS })
  const dataRows = useMemo(() => (dataSet && records.data ? rowsOf(records.data) : undefined), [dataSet, records.data])
  const rows = useMemo(() => (dataRows ?? ONE).map((row: DataRow) => ({ id: row.id, expectations: row.expectations, inputs: inputsOf(names, dataRows && row, { ...defaults, ...Object.fromEntries(Object.entries(draft.inputs).filter(([, value]) => value)) }) })), [dataRows, names.join(), draft.inputs, defaults])
  const taken = new Set(dataRows?.length ? names.filter((each) => dataRows.every((row) => Object.hasOwn(row.values, each))) : [])
  const used = inUse(answer)
  const other = used && used.version.version !== base?.version ? used : base && parts && differs(draft, parts) ? { alias: used?.alias ?? '', version: base } : used
  const otherName = other ? `v${other.version.version}${other.alias ? ` ${other.alias}` : ''}` : ''
  const comparing = param('diff') === '1' && other !== undefined
  // Of all that came with the prompt: a save whose runs failed has made its version.
  const same = answer?.versions.find((each) => !differs(draft, partsOf(each)))
  const isNew = !same && (!parts || differs(draft, parts))
  const format = formatOf(draft.format)
  const mayRun = may('invoke') && columns.length > 0
  // Who can neither try nor save it reads it.
  const canEdit = mayRun || may('write')
  const wantsKey = Boolean(gateway?.needs_key) && !about.user?.name
  const now: Parts = { template: draft.template, config: base ? configOf(base) : {}, format: formatText({ tags: [{ key: '_mlflow_prompt_response_format', value: draft.format }] }) }

  const canScore = mayRun && about.features.includes('evaluation')
  const picked = listParam('score')
  const scorers = useResource<{ scorers: Scorer[] }>(canScore && (scoring || picked.length > 0) ? 'evaluations/scorers' : null)
  const judge = endpoints.includes(param('judge')) ? param('judge') : endpoints.find((each) => /judge/i.test(each)) ?? endpoints[0] ?? ''
  // Guidelines are asked about when they are written.
  const chosen = (scorers.data?.scorers ?? []).filter((each) => picked.includes(keyOf(each)) && !each.refused && (each.builtin !== 'Guidelines' || (!scoring && draft.guidelines?.trim())))
  useScores(answers, { chosen, judge, endpoints, guidelines: draft.guidelines ?? '', key })
  const choose = (keys: readonly string[]) => { setQuery({ score: keys.length ? asList(keys) : null }, { replace: true }); answers.keep(keys) }

  // Tests are of a prompt that is there; what is loaded here becomes them.
  const canBind = Boolean(name) && may('write') && about.features.includes('evaluation')
  const tests = useResource<TestsAnswer>(canBind && binding ? 'prompts/tests' : null, { name })

  const run = () => {
    // What is missing is empty in Jinja, as it is for whoever loads the prompt.
    const wrong = wrongOf(draft, format.wrong, columns, rows, jinja && canRender ? [] : names, dataRows !== undefined)
    if (wrong.variable) document.querySelector<HTMLElement>(`[data-variable="${CSS.escape(wrong.variable)}"]`)?.focus()
    if (wrong.text) return say(wrong.text, { bad: true })
    const before = comparing ? other.version : undefined
    const mine = ++turn.current
    void Promise.all([
      messagesOf(now.template, known, rows, canRender),
      before ? messagesOf(partsOf(before).template, knownOf(before), rows, canRender) : [],
    ]).then(([ours, theirs]) => {
      if (mine !== turn.current) return
      answers.run(jobsOf(ours, rows, columns, format.schema, key).concat(jobsOf(theirs, rows, columns, undefined, key, otherName)))
    }, (failure: Failure) => say(`${failure.message} ${failure.hint}`.trim(), { bad: true }))
  }
  const add = () => set([...columns, { ...columns.at(-1)!, endpoint: endpoints.find((each) => !columns.some((column) => column.endpoint === each)) ?? endpoints[0]! }])
  // Runs of prompts are made by the plugin of prompts; a param, where their text is, has its limit.
  const tooLong = readable(draft.template).length > MOST_OF_RUN
  const kept = about.features.includes('prompts') && !tooLong ? keptOf(rows, columns, answers.cells) : []
  const canSave = may('write') && (isNew || kept.length > 0)
  /** The answer under the cursor gets a mark, else the first that has none. */
  const rate = (mark: number) => {
    const under = document.activeElement?.closest<HTMLElement>('[data-answer]')?.dataset.answer
    const next = under ?? rows.flatMap((_, row) => columns.map((_, at) => idOf(row, at))).find((id) => answers.cells.get(id)?.state === 'done' && !answers.cells.get(id)?.mark)
    if (next) answers.rate(next, mark)
  }
  const takeRows = (id: string) => { answers.clear(); setQuery({ data: id || null }) }
  const openSave = () => { found.reload(); setSaving(true) }
  useKeys('Playground', {
    'Mod+Enter': mayRun ? { does: 'Run', run, always: true } : undefined,
    'Mod+S': may('write') ? { does: 'Save the version and its runs', run: () => { if (canSave) openSave(); else say('There is nothing new to save.') }, always: true } : undefined,
    x: { does: 'Differences from the version in use, or not', run: () => setQuery({ diff: comparing ? null : '1' }), needs: !other && 'a version that is in use' },
    e: { does: 'Rows of a data set', run: () => setChoosing(document.querySelector('.pl-data') ?? document.body) },
    s: canScore ? { does: 'Score the answers', run: () => setScoring(document.querySelector('.pl-score') ?? document.body) } : undefined,
    b: canBind ? { does: 'Bind what is loaded as the tests of the prompt', run: () => setBinding(true) } : undefined,
    a: mayRun && columns.length < MOST_COLUMNS ? { does: 'Add a model', run: add } : undefined,
    ...Object.fromEntries(kept.length ? MARKS.map((mark) => [String(mark), { does: `Rate an answer ${mark} of 5`, run: () => rate(mark), quiet: mark > 1 }]) : []),
    Escape: answers.isRunning ? { does: 'Stop the answers', run: answers.stop, always: true, quiet: true } : undefined,
  })
  const next = base ? Math.max(Number(base.version), ...(answer?.versions ?? []).map((each) => Number(each.version))) + 1 : 1
  const runsWord = kept.length ? ` and ${kept.length > 1 ? `${kept.length} runs` : 'its run'}` : ''
  const saveWord = isNew ? `Save v${next}${runsWord}` : kept.length ? `Save ${plural(kept.length, 'run')}` : 'Save'
  // Somebody else may have saved one between the last look and this.
  const between = (version: string) => (isNew && Number(version) > next ? `; ${Number(version) - next > 1 ? `v${next} to v${Number(version) - 1} were` : `v${next} was`} registered by somebody else meanwhile` : '')
  const saved = ({ version, runs }: { version: string; runs: string[] }, of: string) => {
    setSaving(false)
    stay(`${of}/${version}`)
    remember(of, version, draft)
    setQuery({ prompt: of, version })
    found.reload()
    say(`saved v${version} of ${of}${runs.length ? ` and ${plural(runs.length, 'run')}` : ''}${between(version)}`, { to: `/prompts/${encodeURIComponent(of)}?at=${version}` })
  }
  return (
    <>
      <Bar
        place={<><a class="i3" href={href('/prompts')}>prompts</a><span class="sep">/</span>{name ? <h1><a href={href(`/prompts/${encodeURIComponent(name)}`)}>{name}</a></h1> : <h1>new prompt</h1>}{base && <span class="i3 nw">{isNew ? 'draft from ' : ''}v{base.version}</span>}</>}
        right={
          <span class="pl-acts">
            {other && <button class="btn flat" aria-pressed={comparing} onClick={() => setQuery({ diff: comparing ? null : '1' })}>diff against <span class="than">{other.alias || `v${other.version.version}`}</span><kbd>x</kbd></button>}
            <button class="btn flat pl-data" aria-haspopup="menu" onClick={(event) => setChoosing(event.currentTarget)}>{dataRows ? plural(dataRows.length, 'row') : 'run on data set'}<kbd>e</kbd></button>
            {canScore && <button class="btn flat pl-score" aria-haspopup="dialog" onClick={(event) => setScoring(event.currentTarget)}>{picked.length ? plural(picked.length, 'scorer') : 'score'}<kbd>s</kbd></button>}
            {canBind && <button class="btn flat" aria-haspopup="dialog" onClick={() => setBinding(true)}>bind as tests<kbd>b</kbd></button>}
            {may('write') && <button class="btn" disabled={!canSave} onClick={openSave}>{saveWord}<kbd>ctrl S</kbd></button>}
            {mayRun && (answers.isRunning ? <button key="stop" class="btn main" onClick={answers.stop}>Stop<kbd>esc</kbd></button> : <button key="run" class="btn main" onClick={run}>Run<kbd>ctrl enter</kbd></button>)}
          </span>
        }
      />
      {found.error && <Failed what="The prompt could not be read anew" error={found.error} still="What is written is kept." retry={found.reload} />}
      {records.error && dataSet && <Failed what="The data set could not be read" error={records.error} still="The prompt can be run on what is typed." retry={records.reload} />}
      <div class="pl-body">
        <section class="pl-left" aria-label="The prompt">
          <div class="cap"><h2>{comparing ? `differences from ${otherName}` : 'prompt'}</h2><span class="x" /><span class="m i3">{lengthOf(draft, parts)}</span></div>
          <div class="pl-write" tabIndex={0} role="region" aria-label="Text of the prompt">
            {comparing ? <TemplateDiff before={other.version} after={now} to={otherName} /> : canEdit ? <Editor template={draft.template} change={(template) => write({ template })} /> : <TemplateText template={draft.template} />}
            {!comparing && jinja && (broken ? <p class="bad s" role="alert">{broken}</p> : <p class="i3 s">{canRender ? <>Jinja: the server renders it when it is run. A variable can be a list or an object, written as JSON.</> : <>It has statements of Jinja ({'{% %}'}), which are not rendered here.</>}</p>)}
            {!comparing && canEdit && <Schema text={draft.format} wrong={format.wrong} change={(text) => write({ format: text })} />}
          </div>
          <Inputs names={mayRun ? names : []} values={draft.inputs} known={known} defaults={defaults} taken={taken} from="the data set" change={(variable, value) => write({ inputs: { ...draft.inputs, [variable]: value } })} />
          {wantsKey && mayRun && <label class="lab pl-key">Key of the gateway, kept nowhere<input class="input" type="password" autocomplete="off" placeholder="pgk_…" value={key} onInput={(event) => setKey(event.currentTarget.value.trim())} /></label>}
        </section>
        {mayRun ? <Results columns={columns} names={names} endpoints={endpoints} rows={rows} cells={answers.cells} many={dataRows !== undefined} against={comparing ? otherName : ''} change={(at, column) => set(column ? columns.map((each, i) => (i === at ? column : each)) : columns.filter((_, i) => i !== at))} rate={answers.rate} add={endpoints.length ? add : undefined} /> : <Closed gateway={gateway} trouble={trouble} again={again} />}
      </div>
      <Foot right={<span class="k k2">{tooLong ? `too long for a run, which keeps ${MOST_OF_RUN} characters; ` : ''}{isNew ? 'unsaved edits are kept in this tab' : ''}</span>}>
        {dataRows ? <span class="acts"><span class="k">{plural(dataRows.length, 'row')} of a data set{records.data?.next_page_token ? `, the first ${MOST_ROWS}` : ''}</span><button onClick={() => { answers.clear(); setQuery({ data: null }) }}>type the inputs</button></span> : <span class="k">{plural(names.length, 'variable')}</span>}
      </Foot>
      {choosing && <DataSets at={choosing} chosen={dataSet} close={() => setChoosing(undefined)} choose={takeRows} write={may('write') ? () => setWriting(true) : undefined} />}
      {writing && <NewRows names={names} close={() => setWriting(false)} done={(id) => { setWriting(false); takeRows(id) }} />}
      {scoring && <Scorers at={scoring} all={scorers.data?.scorers} trouble={scorers.error?.message ?? ''} chosen={picked} choose={choose} endpoints={endpoints} judge={judge} setJudge={(name) => setQuery({ judge: name }, { replace: true })} guidelines={draft.guidelines ?? ''} write={(guidelines) => write({ guidelines })} close={() => setScoring(undefined)} />}
      {binding && (tests.data || tests.error) && <Bind name={name} tests={tests.data?.tests} endpoints={endpoints} loaded={{ dataSetId: dataSet, models: columns.map((column) => ({ endpoint: column.endpoint, params: parametersOf(column).parameters })), scorers: picked, guidelines: draft.guidelines ?? '', judge }} done={() => { setBinding(false); say(`the tests of ${name} are bound`, { to: `/prompts/${encodeURIComponent(name)}` }) }} close={() => setBinding(false)} />}
      {saving && <Save name={name} base={same ?? base} newest={answer?.versions[0]} isNew={isNew} answer={answer} body={{ template: textOf(draft.template), is_chat: draft.template[0]?.role !== '', response_format: draft.format, variables: JSON.stringify(Object.fromEntries(Object.entries(known).filter(([each]) => names.includes(each)))), model_config: columns[0] ? configOfColumn(now.config, columns[0]) : now.config }} names={names} runs={kept} done={saved} failed={found.reload} close={() => setSaving(false)} />}
    </>
  )
}

/** The columns of the address, else what the prompt's config asks for. */
function useColumns(base: Version | undefined, endpoints: readonly string[]): readonly Column[] {
  const asked = listParam('on').slice(0, MOST_COLUMNS).map(columnOf)
  if (asked.length) return asked
  const one = columnOfConfig(base ? configOf(base) : {}, endpoints)
  return one.endpoint ? [one] : []
}

/** Why it cannot run, and the variable that has to be given. */
function wrongOf(draft: Draft, format: string, columns: readonly Column[], rows: readonly { inputs: Record<string, string> }[], names: readonly string[], many: boolean): { text: string; variable?: string } {
  if (draft.template.every((message) => !message.content.trim())) return { text: 'The prompt is empty.' }
  const wrong = format || columns.map((column) => parametersOf(column).wrong).find(Boolean)
  if (wrong) return { text: wrong }
  if (many && !rows.length) return { text: 'The data set has no rows.' }
  const missing = names.filter((name) => rows.some((row) => !Object.hasOwn(row.inputs, name)))
  if (!missing.length) return { text: '' }
  return { text: `${missing.length > 1 ? 'These variables have' : 'This variable has'} no value${many ? ' in some rows' : ''}: ${missing.join(', ')}`, variable: missing[0] }
}

/** `said`: the messages of each row. */
function jobsOf(said: readonly (readonly Message[])[], rows: readonly { inputs: Record<string, string>; expectations?: string }[], columns: readonly Column[], schema: Record<string, unknown> | undefined, key: string, of = ''): Job[] {
  const format = schema && { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } } }
  return said.flatMap((messages, row) => columns.map((column, at) => ({
    id: idOf(row, at, Boolean(of)), of, endpoint: column.endpoint, messages, parameters: { ...parametersOf(column).parameters, ...format }, inputs: { ...rows[row]!.inputs }, expectations: rows[row]!.expectations, key,
  })))
}

/** The runs that can be kept: of each column the rows that were answered. */
function keptOf(rows: readonly unknown[], columns: readonly Column[], cells: ReturnType<typeof useAnswers>['cells']): Kept[] {
  return columns.flatMap((column, at) => {
    const done = rows.flatMap((_, row) => { const cell = cells.get(idOf(row, at)); return cell?.state === 'done' ? [cell] : [] })
    return done.length ? [{ endpoint: column.endpoint, parameters: done[0]!.job.parameters, cells: done }] : []
  })
}

function lengthOf(draft: Draft, parts: Parts | undefined): string {
  const length = (template: Parts['template']) => template.reduce((sum, message) => sum + message.content.length, 0)
  const now = length(draft.template)
  const more = parts ? now - length(parts.template) : 0
  return `${plural(now, 'character')}${more ? `, ${more > 0 ? '+' : '−'}${Math.abs(more)}` : ''}`
}

function Schema({ text, wrong, change }: { text: string; wrong: string; change: (text: string) => void }) {
  return (
    <details class="pl-schema" open={Boolean(text)}>
      <summary class="lab">response schema</summary>
      <textarea class="input" aria-label="Response schema, JSON" rows={text ? 8 : 3} value={text} spellcheck={false} placeholder='{"type": "object", "properties": {}}' onInput={(event) => change(event.currentTarget.value)} />
      {wrong && <p class="bad" role="alert">{wrong}</p>}
    </details>
  )
}

/** Where answers would be, and why there are none. */
function Closed({ gateway, trouble, again }: { gateway: Gateway | undefined; trouble: Failure | undefined; again: () => void }) {
  if (trouble) return <div class="pl-right dots"><Failed what="The gateway could not be read" error={trouble} still="The prompt can be written and saved." retry={again} /></div>
  const why = !about.features.includes('gateway') ? 'This server has no gateway, so a prompt cannot be tried here.'
    : !may('invoke') ? 'To try a prompt one needs the right to invoke models; an administrator gives it.'
    : gateway && 'The gateway has no endpoint that answers chats.'
  return <div class="pl-right dots"><div class="hole"><h2>No model to try it on</h2><div class="then s"><span>{why} {about.features.includes('gateway') && may('invoke') && <button class="link" onClick={() => navigate('/gateway')}>The gateway</button>}</span></div></div></div>
}
