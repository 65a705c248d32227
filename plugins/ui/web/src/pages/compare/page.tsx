/** Runs beside each other: where they differ first, then their curves, images and texts. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { copy, tsv } from '../../core/copy'
import { useEvents } from '../../core/events'
import { plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { give } from '../../core/pegs'
import { useChartKeys } from '../../parts/chart/view'
import { useResource } from '../../core/resource'
import { asList, navigate, param, setQuery, withQuery } from '../../core/router'
import { href } from '../../core/root'
import { say } from '../../core/undo'
import { useColours } from '../../parts/colours'
import { Bar, Segments } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Float, MenuItem } from '../../parts/menu'
import { Peg } from '../../parts/peg'
import { Failed, Nothing } from '../../parts/states'
import { AddRun } from './add'
import { Curves } from './curves'
import { Grid } from './grid'
import { Images } from './images'
import { MOST, useComparison } from './asked'
import { type Answer, cellsOf, flipped, itemsOf, markdownOf, moved, type Run } from './rows'
import { Texts } from './texts'
import type { Files } from './files'
import { versionsFor } from './versions'
import './page.css'

/** Of how many runs files are put beside each other. */
const MOST_WITH_FILES = 12

export default function Compare() {
  const { asked, ids, diff, base, found, whole } = useComparison()
  const across = param('t') === '1'
  const find = param('find')
  const withFiles = ids.slice(0, MOST_WITH_FILES)
  const files = useResource<Files>(ids.length ? 'runs/compare/files' : null, { run_ids: withFiles })
  const answer = found.data
  const runs = answer?.runs ?? []
  const [adding, setAdding] = useState(false)
  const [choosing, setChoosing] = useState<Element>()
  const baseButton = useRef<HTMLButtonElement>(null)
  const [row, setRow] = useState(-1)
  const [turn, setTurn] = useState(0)
  useEffect(() => give(ids), [ids.join()])
  const experiments = [...new Set(runs.map((run) => run.experiment_id))]
  useColours(experiments.length === 1 ? experiments[0]! : '')
  const running = runs.some((run) => run.status === 'RUNNING' || run.status === 'SCHEDULED')
  useEvents(running && experiments.length ? `experiment:${experiments.join(',')}` : '', (change) => {
    if (change.runs && !change.runs.some((run) => ids.includes(run))) return
    found.reload()
    setTurn((n) => n + 1)
  })
  const items = useMemo(() => (answer ? itemsOf(answer, diff && ids.length > 1, find) : []), [answer, find, diff])
  const cells = () => (answer ? (across ? flipped(cellsOf(answer, items)) : cellsOf(answer, items)) : [])
  const copyAs = (write: (rows: string[][]) => string, said: string) => () => (whole ? void copy(write(cells()), said) : say('not copied: the last rows are on their way'))
  const copyTsv = copyAs(tsv, 'copied as tab-separated text')
  const copyMarkdown = copyAs(markdownOf, 'copied as Markdown')
  const set = (next: string[], more: Record<string, string | null> = {}) => setQuery({ runs: asList(next), models: versionsFor(next), ...more })
  const remove = (id: string) => set(ids.filter((each) => each !== id), base === id ? { baseline: null } : {})
  const acts = {
    remove,
    move: (id: string, by: number) => set(moved(ids, ids.indexOf(id), by), { baseline: base || (answer?.baseline ?? null) }),
    baseline: (id: string) => setQuery({ baseline: id }),
    open: (id: string) => navigate(`/runs/${id}`),
  }
  const toggle = () => setQuery({ diff: diff ? '0' : null })
  const step = (by: number) => () => setRow((now) => Math.max(0, Math.min(items.length - 1, now + by)))
  useChartKeys()
  useKeys('Compare', {
    d: { does: diff ? 'Show all rows' : 'Show differences only', run: toggle },
    t: { does: 'Transpose', run: () => setQuery({ t: across ? null : '1' }) },
    b: { does: 'Choose the baseline', run: () => focused(acts.baseline) || setChoosing(baseButton.current ?? undefined) },
    a: { does: 'Add a run', run: () => setAdding(true) },
    x: { does: 'Take the run away', run: () => onFocused(acts.remove) },
    o: { does: 'Open the run', run: () => onFocused(acts.open) },
    ArrowLeft: { does: 'Previous run', run: () => walk(-1), quiet: true },
    ArrowRight: { does: 'Next run', run: () => walk(1), quiet: true },
    'Shift+ArrowLeft': { does: 'Move the run to the left', run: () => onFocused((id) => acts.move(id, -1)) },
    'Shift+ArrowRight': { does: 'Move the run to the right', run: () => onFocused((id) => acts.move(id, 1)) },
    j: { does: 'Next row', run: step(1), quiet: true },
    k: { does: 'Previous row', run: step(-1), quiet: true },
    ArrowDown: { does: 'Next row', run: step(1), quiet: true },
    ArrowUp: { does: 'Previous row', run: step(-1), quiet: true },
    '/': { does: 'Find a key', run: () => document.querySelector<HTMLInputElement>('.cmp-find')?.focus() },
    'g v': ids.length ? { does: 'Their evaluations, row by row', run: () => navigate(`/evaluate?runs=${asList(ids)}`) } : undefined,
    c: { does: 'Copy as tab-separated text', run: copyTsv },
    m: { does: 'Copy as Markdown', run: copyMarkdown },
  })
  const baseRun = runs.find((run) => run.run_id === answer?.baseline)
  const here = href('/compare')
  return (
    <>
      <Bar
        place={<><a class="i3" href={href(experiments.length === 1 ? `/experiments/${experiments[0]}` : '/experiments/all')}>{experiments.length === 1 ? (answer?.experiments[experiments[0]!] ?? 'runs') : 'all runs'}</a><span class="sep">/</span><h1>compare {plural(ids.length, 'run')}</h1></>}
        right={
          <>
            <button class="btn flat" onClick={() => setAdding(true)}>add<kbd>a</kbd></button>
            <button class="btn flat" aria-pressed={across} onClick={() => setQuery({ t: across ? null : '1' })}>transpose<kbd>t</kbd></button>
            {baseRun && runs.length > 1 && <button ref={baseButton} class="btn flat cmp-base" aria-haspopup="menu" onClick={(event) => setChoosing(event.currentTarget)}><span>baseline <span class="m">{baseRun.name}</span></span><kbd>b</kbd></button>}
            {answer && runs.length > 1 && <Segments label="Rows" items={[{ title: `Differences ${answer.differing}`, to: here + withQuery({ diff: null }), on: diff }, { title: `All ${answer.total}`, to: here + withQuery({ diff: '0' }), on: !diff }]} />}
          </>
        }
      />
      {found.error && <Failed what="The runs could not be compared" error={found.error} still={answer ? 'What is shown is what was read before.' : ''} retry={found.reload} />}
      {!ids.length && <div class="scroll dots"><Nothing title="No runs to compare">Pick runs in a table with space and press <kbd>c</kbd>, or <button class="link" onClick={() => setAdding(true)}>add one here</button>.</Nothing></div>}
      {ids.length > 0 && (
        <div class={across ? 'cmp across' : 'cmp'}>
          <section class="left dots" aria-label="Rows">
            <Notes answer={answer} asked={asked.length} forget={(gone) => set(ids.filter((id) => !gone.includes(id)))} />
            {answer && runs.length > 0 && <Grid answer={answer} items={items} across={across} find={find} row={row} setRow={setRow} acts={acts} diff={diff && runs.length > 1} />}
          </section>
          <section class="right dots" aria-label="Curves, images and texts">
            {answer && runs.length > 0 && (
              <>
                <Curves runs={runs} rows={answer.rows} headline={answer.headline} turn={turn} much={Object.keys({ ...files.data?.images, ...files.data?.pictures }).length > 0} />
                <Images runs={runs.filter((run) => withFiles.includes(run.run_id))} found={files} more={runs.length - withFiles.length} />
                <Texts runs={runs.filter((run) => withFiles.includes(run.run_id))} baseline={answer.baseline ?? ''} files={files.data} />
              </>
            )}
          </section>
        </div>
      )}
      <Foot right={<><button class="k k2" onClick={copyTsv}>copy<kbd>c</kbd></button><button class="k k2" onClick={copyMarkdown}>Markdown<kbd>m</kbd></button></>}>
        {answer && <span>{answer.runs.length > 1 ? `${answer.differing} of ${plural(answer.total, 'row')} differ` : plural(answer.total, 'row')}</span>}
        {runs.length > 1 && <span class="k k2"><kbd>left</kbd> <kbd>right</kbd> a run, then <kbd>b</kbd> baseline, <kbd>x</kbd> away</span>}
      </Foot>
      {adding && <AddRun experiments={experiments} known={ids} add={(run) => set([...ids, run])} close={() => setAdding(false)} />}
      {choosing && <BaselineMenu at={choosing} runs={runs} baseline={answer?.baseline ?? ''} choose={acts.baseline} close={() => setChoosing(undefined)} />}
    </>
  )
}

/** Call with the run whose header has the focus; false if none has. */
function focused(does: (id: string) => void): boolean {
  const id = (document.activeElement as HTMLElement | null)?.dataset.run
  if (id) does(id)
  return Boolean(id)
}

const onFocused = (does: (id: string) => void): void => { if (!focused(does)) say('this needs a run: left and right go from one to the next') }

/** The focus goes from run to run. */
function walk(by: number): void {
  const all = [...document.querySelectorAll<HTMLElement>('.cmp [data-run]')]
  const now = all.indexOf(document.activeElement as HTMLElement)
  all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, now + by))]?.focus()
}

function Notes({ answer, asked, forget }: { answer: Answer | undefined; asked: number; forget: (gone: string[]) => void }) {
  return (
    <>
      {asked > MOST && <p class="cmp-note">The first {MOST} of {asked} runs are compared.</p>}
      {answer && answer.missing.length > 0 && (
        <p class="cmp-note"><span class="bad">{plural(answer.missing.length, 'run')} not found:</span> <span class="m">{answer.missing.join(', ')}</span> <button class="link" onClick={() => forget(answer.missing)}>take away</button></p>
      )}
    </>
  )
}

function BaselineMenu({ at, runs, baseline, choose, close }: { at: Element; runs: Run[]; baseline: string; choose: (id: string) => void; close: () => void }) {
  return (
    <Float at={at} close={close} label="Baseline">
      {runs.map((run) => (
        <MenuItem key={run.run_id} checked={run.run_id === baseline} does={() => { close(); choose(run.run_id) }}><Peg run={run.run_id} status={run.status} />{run.name}</MenuItem>
      ))}
    </Float>
  )
}
