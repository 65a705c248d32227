/** Finds a run to be compared too: by words of its name, tags and notes. */
import { useEffect, useState } from 'preact/hooks'
import { Failure, get } from '../../core/api'
import { Dialog } from '../../parts/dialog'
import { Peg } from '../../parts/peg'
import { Age } from '../../parts/time'

interface Found {
  ids: string[]
  names: string[]
  status: string[]
  cols: Record<string, (number | null)[]>
}

const STARTED = 'attributes.start_time'
const SHOWN = 12

export function AddRun({ experiments, known, add, close }: { experiments: string[]; known: string[]; add: (run: string) => void; close: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const [found, setFound] = useState<Found>()
  const [error, setError] = useState<Failure>()
  useEffect(() => {
    const abort = new AbortController()
    const q = text.replace(/[<>=!~'"`()]/g, ' ').trim()
    void inExperiments(experiments, abort.signal)
      .then((ids) => get<Found>('runs/table', { experiment_ids: ids, q, cols: [STARTED], limit: SHOWN + known.length }, abort.signal))
      .then((answer) => { setFound(answer); setAt(0); setError(undefined) }, (failed: Error) => { if (failed instanceof Failure) setError(failed) })
    return () => abort.abort()
  }, [text])
  const rows = (found?.ids ?? []).map((id, i) => ({ id, name: found!.names[i] ?? id, status: found!.status[i] ?? '', at: found!.cols[STARTED]?.[i] ?? 0 })).filter((row) => !known.includes(row.id)).slice(0, SHOWN)
  const take = (i: number) => { const row = rows[i]; if (row) { close(); add(row.id) } }
  const typed = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (by) { event.preventDefault(); setAt(Math.max(0, Math.min(rows.length - 1, at + by))) }
    else if (event.key === 'Enter') { event.preventDefault(); take(at) }
  }
  return (
    <Dialog label="Add a run" close={close} className="palette">
      <div class="ask">
        <input role="combobox" aria-label="Run" aria-expanded={rows.length > 0} aria-controls="cmp-runs" aria-activedescendant={rows.length ? `cmp-run-${at}` : undefined} placeholder="a run's name, tag or note" autofocus spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={typed} />
        <kbd>esc</kbd>
      </div>
      <div class="menu" role="listbox" id="cmp-runs" aria-label="Runs">
        {rows.map((row, i) => (
          <div key={row.id} id={`cmp-run-${i}`} role="option" aria-selected={i === at} class={i === at ? 'at' : ''} onClick={() => take(i)} onPointerMove={() => setAt(i)}>
            <Peg run={row.id} status={row.status} /><span class="cut">{row.name}</span><span class="detail"><Age at={row.at} /></span>
          </div>
        ))}
      </div>
      {error && <p class="cmp-note bad">{error.message}</p>}
      {found && !rows.length && !error && <p class="cmp-note">No other run fits.</p>}
    </Dialog>
  )
}

/** The experiments of the runs; without any, those that were active last. */
async function inExperiments(known: string[], signal: AbortSignal): Promise<string[]> {
  if (known.length) return known
  const home = await get<{ experiments: { experiment_id: string }[] }>('ui/home', {}, signal)
  return home.experiments.map((each) => each.experiment_id).slice(0, 20)
}
