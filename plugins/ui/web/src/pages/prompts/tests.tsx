/** The tests of a prompt: what they are, what versions came to, running and binding them. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { del, type Failure } from '../../core/api'
import { useRegistry } from '../../core/events'
import { useKeys } from '../../core/keys'
import type { Resource } from '../../core/resource'
import { about, href, may } from '../../core/root'
import { asSearch, hasRoute } from '../../core/router'
import { edit, say } from '../../core/undo'
import { lazily } from '../../parts/lazy'
import type { BindProps } from '../../parts/prompt/bind'
import { gridOf, measuredWords, modelName, type Outcome, otherReasons, percent, runTests, TESTS, type Tests, type TestsAnswer } from '../../parts/prompt/tests'
import { Failed } from '../../parts/states'
import type { Gateway } from './answers'
import '../../parts/prompt/tests.css'

const Bind = lazily<BindProps>('Binding tests', () => import('../../parts/prompt/bind'), true)

export interface TestsProps {
  name: string
  /** Of which outcomes are shown, the newest first. */
  versions: readonly string[]
  /** The version that is run. */
  shown: string
  found: Resource<TestsAnswer>
  gateway: Gateway | undefined
  gates: Record<string, string[]>
}

interface Running {
  version: string
  done: number
  all: number
}

export default function TestsSection({ name, versions, shown, found, gateway, gates }: TestsProps) {
  const [binding, setBinding] = useState(false)
  const [running, setRunning] = useState<Running>()
  const [failure, setFailure] = useState<{ version: string; error: Failure }>()
  const [key, setKey] = useState('')
  const abort = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => abort.current?.abort(), [])
  useRegistry(found.reload)
  const tests = found.data?.tests
  const write = may('write')
  const endpoints = (gateway?.endpoints ?? []).filter((each) => each.chats !== false && !each.prompt).map((each) => each.name)
  const wantsKey = Boolean(gateway?.needs_key) && !about.user?.name
  const stop = () => { abort.current?.abort(); setRunning(undefined) }
  const run = async (version: string) => {
    stop()
    const mine = new AbortController()
    abort.current = mine
    setFailure(undefined)
    setRunning({ version, done: 0, all: 0 })
    try {
      const outcome = await runTests({ name, version, key, isPriced: tests?.asserted.some((each) => /(^|-)cost$/.test(each.kind)) ?? false }, mine.signal, (done, all) => { if (abort.current === mine && !mine.signal.aborted) setRunning({ version, done, all }) })
      say(`v${version} ${outcome.state === 'passed' ? 'passes its tests' : 'does not pass its tests'}`, { bad: outcome.state !== 'passed' })
    } catch (error) {
      if (!mine.signal.aborted) setFailure({ version, error: error as Failure })
    } finally {
      if (abort.current === mine) setRunning(undefined)
      found.reload()
    }
  }
  const takeAway = () => edit({ said: `the tests of ${name} taken away`, apply: () => undefined, send: () => del(TESTS, { name }).then(found.reload), revert: () => undefined })
  // It is the gateway that is asked from here; without one a terminal runs them.
  const canRun = write && about.features.includes('gateway') && Boolean(tests) && Boolean(shown)
  useKeys('Tests', {
    t: canRun ? { does: 'Run the tests of the version', run: () => void run(shown) } : undefined,
    b: write ? { does: tests ? 'Change the tests' : 'Bind tests to the prompt', run: () => setBinding(true) } : undefined,
    Escape: running ? { does: 'Stop the tests', run: stop, quiet: true } : undefined,
  })
  const known = versions.filter((each) => { const state = found.data?.versions[each]?.state; return (state && state !== 'untested') || each === running?.version || (each === shown && tests) })
  return (
    <section class="pt" aria-label="Tests" id="tests">
      <div class="cap">
        <h2>Tests</h2><span class="x" />
        {running && <span class="m i3" role="status">{running.all ? `v${running.version}: ${running.done} of ${running.all} answered` : `v${running.version} is being tested`}</span>}
        {running && <button class="btn flat" onClick={stop}>stop<kbd>esc</kbd></button>}
        {write && tests && <button class="btn flat" onClick={() => void takeAway()}>take away</button>}
        {write && found.data && <button class="btn flat" aria-haspopup="dialog" onClick={() => setBinding(true)}>{tests ? 'change' : 'bind tests'}<kbd>b</kbd></button>}
        {canRun && !running && <button class="btn" onClick={() => void run(shown)}>Test v{shown}<kbd>t</kbd></button>}
      </div>
      {found.error && <Failed what="The tests could not be read" error={found.error} still={found.data ? 'What is shown is what was read before.' : ''} retry={found.reload} />}
      {failure && <Failed what={`v${failure.version} could not be tested`} error={failure.error} still="Nothing was kept of it." retry={() => void run(failure.version)} />}
      {tests === null && <p class="pt-said i2">Nothing is tested.{write ? ' Bind rows of a data set and what answers to them have to be like.' : ''} The gate prompt-tests then lets an alias have only versions that pass.</p>}
      {tests && <Words tests={tests} gates={gates} />}
      {wantsKey && canRun && <label class="lab pt-said pt-key">Key of the gateway, kept nowhere<input class="input" type="password" autocomplete="off" placeholder="pgk_…" value={key} onInput={(event) => setKey(event.currentTarget.value.trim())} /></label>}
      {known.length > 0 && (
        <table class="pt-outcomes" aria-label="Outcomes of tests">
          <colgroup><col class="w-v" /><col class="w-state" /><col /><col class="w-link" /></colgroup>
          <thead><tr><th>v</th><th>tests</th><th>what was measured</th><th class="r">answers</th></tr></thead>
          <tbody>{known.map((version) => <Row key={version} version={version} outcome={found.data?.versions[version]} tests={tests} isRunning={running?.version === version} />)}</tbody>
        </table>
      )}
      {binding && <Bind name={name} tests={tests} endpoints={endpoints} done={() => { setBinding(false); found.reload(); say('the tests are bound') }} close={() => setBinding(false)} />}
    </section>
  )
}

/** What is bound, as people say it. */
function Words({ tests, gates }: { tests: Tests; gates: Record<string, string[]> }) {
  const gated = Object.entries(gates).filter(([, each]) => each.includes('prompt-tests')).map(([alias]) => (alias === '*' ? 'all aliases' : alias))
  return (
    <div class="pt-said">
      <p>
        {tests.data_sets.length > 0 && <>Each row of {tests.data_sets.map((each, i) => <span key={i}>{i > 0 && ' and '}{each.dataset_id && hasRoute('/playground') ? <a class="link m" href={href(`/playground${asSearch({ data: each.dataset_id })}`)}>{each.name}</a> : <span class="m">{each.name}</span>}{each.version && <span class="i3"> as of version {each.version}</span>}</span>)}</>}
        {tests.written > 0 && <>{tests.data_sets.length > 0 ? ' and each' : 'Each'} of {tests.written} written cases</>}
        {' '}is put to {tests.models.length ? tests.models.map((each, i) => <span key={i}>{i > 0 && ' and '}<span class="m">{modelName(each)}</span></span>) : 'the model that the prompt names'}; {tests.fail_under === 1 ? 'all rows have to pass' : `${percent(tests.fail_under)} of the rows have to pass`}.
        {gated.length > 0 && <> Only what passes may be <span class="m">{gated.join(', ')}</span>.</>}
      </p>
      <ul>{tests.asserted.map((each, i) => <li key={i}>{each.words}</li>)}{tests.cases_with_own > 0 && <li>and what {tests.cases_with_own} of the written cases say of their own</li>}</ul>
    </div>
  )
}

const STATES: Record<Outcome['state'], [string, string]> = { passed: ['passed', 'ok'], failed: ['failed', 'bad'], changed: ['changed since', 'warn'], untested: ['not tested', 'i3'] }

function Row({ version, outcome, tests, isRunning }: { version: string; outcome: Outcome | undefined; tests: Tests | null | undefined; isRunning: boolean }) {
  const [word, colour] = STATES[outcome?.state ?? 'untested']
  return (
    <tr>
      <td class="w5">v{version}</td>
      <td class={isRunning ? 'i3' : colour}>{isRunning ? 'runs' : word}</td>
      <td class="s">{outcome && <Findings outcome={outcome} tests={tests} />}</td>
      <td class="r">{outcome?.columns && outcome.columns.length > 0 && <a class="link" href={href(gridOf(outcome))}>see them</a>}</td>
    </tr>
  )
}

/** What a test came to: of each model, of its rows and each assertion; and why it fails otherwise. */
function Findings({ outcome, tests, isBadOnly = false }: { outcome: Outcome; tests: Tests | null | undefined; isBadOnly?: boolean }) {
  const measured = outcome.measured ?? []
  const many = new Set(measured.map((each) => each.model)).size > 1
  // What other tests called so may be something else.
  const of = outcome.state === 'changed' ? undefined : tests
  const lines = measured.map((each) => ({ ...measuredWords(each, of), of: each })).filter((each) => !isBadOnly || each.isBad)
  return (
    <ul class="pt-found">
      {lines.map(({ text, isBad, of }, i) => <li key={i} class={isBad ? 'bad' : ''}>{many && !of.name && <span class="m">{modelName(of.model)}: </span>}{text}</li>)}
      {otherReasons(outcome).map((each, i) => <li key={`why ${i}`} class="bad">{each}</li>)}
    </ul>
  )
}

export interface RefusedProps {
  version: string
  found: Resource<TestsAnswer>
}

/** Below the word of the gate: what failed, and where it is. */
export function Refused({ version, found }: RefusedProps) {
  const outcome = found.data?.versions[version]
  const shows = () => { const at = document.getElementById('tests'); at?.scrollIntoView({ block: 'nearest' }); at?.querySelector<HTMLElement>('button')?.focus() }
  return (
    <>
      {outcome?.state === 'failed' && <Findings outcome={outcome} tests={found.data?.tests} isBadOnly />}
      <p class="pt-links">
        {outcome?.state === 'failed' && outcome.columns && outcome.columns.length > 0 && <a class="link" href={href(gridOf(outcome))}>the answers that failed</a>}
        <button type="button" class="link" onClick={shows}>the tests</button>
      </p>
    </>
  )
}
