/** What the address asks for, and the evaluations of its runs. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { type Failure, get } from '../../core/api'
import { useResource } from '../../core/resource'
import { listParam, param } from '../../core/router'
import { type Answer, measuresOf, type Pair, paired, type Show, SHOWS, type View } from './rows'

/** How many runs stand beside each other. */
export const MOST = 6

const one = (run_id: string | undefined, table: string) => useResource<Answer>(run_id ? 'evaluations/rows' : null, { run_id, table })

export function useEvaluations() {
  const asked = [...new Set(listParam('runs'))]
  const ids = asked.slice(0, MOST)
  const table = param('table')
  // As many as there may be: hooks are called in one order.
  const found = [one(ids[0], table), one(ids[1], table), one(ids[2], table), one(ids[3], table), one(ids[4], table), one(ids[5], table)].slice(0, ids.length)
  const here = found.filter((each, i) => each.data?.run.run_id === ids[i]).map((each) => each.data!)
  const answers = useMemo(() => here, [here.length, ...Array.from({ length: MOST }, (_, i) => here[i])])
  const pairs = useMemo(() => paired(answers), [answers])
  const measures = useMemo(() => measuresOf(answers), [answers])
  const error = found.find((each) => each.error)?.error
  return { asked, ids, answers, pairs, measures, error, waits: answers.length < ids.length && !error, reload: () => found.forEach((each) => each.reload()) }
}

export function viewOf(): Omit<View, 'hits'> {
  const show = param('show')
  return { show: (SHOWS as readonly string[]).includes(show) ? (show as Show) : '', metric: param('metric'), sort: param('sort'), by: param('by'), slice: param('slice') }
}

/** The ids of rows that hold a text; undefined when nothing is looked for, or not yet known. */
export function useHits(answers: readonly Answer[], q: string): { hits?: ReadonlySet<string>; error?: Failure } {
  const [found, setFound] = useState<{ of: string; hits?: ReadonlySet<string>; error?: Failure }>({ of: '' })
  const table = param('table')
  const of = JSON.stringify([q, answers.map((answer) => answer.run.run_id), table])
  useEffect(() => {
    if (!q.trim() || !answers.length) return
    const abort = new AbortController()
    const timer = setTimeout(() => Promise.all(answers.map((answer) => get<{ rows: number[] }>('evaluations/find', { run_id: answer.run.run_id, q, table }, abort.signal))).then(
      (told) => setFound({ of, hits: new Set(told.flatMap((each, run) => each.rows.map((at) => answers[run]!.ids[at]!))) }),
      (error: Failure) => { if (!abort.signal.aborted) setFound({ of, error }) },
    ), 150)
    return () => { clearTimeout(timer); abort.abort() }
  }, [of])
  return q.trim() ? (found.of === of ? found : { hits: found.hits }) : {}
}

/** The ids that were found are of the first run that has each row: those of pairs. */
export const pairsHit = (answers: readonly Answer[], pairs: readonly Pair[], hits: ReadonlySet<string>): ReadonlySet<string> =>
  new Set(pairs.filter((pair) => pair.at.some((at, run) => at >= 0 && hits.has(answers[run]!.ids[at]!))).map((pair) => pair.id))
