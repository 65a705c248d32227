/** What of the address says which runs are compared, and their comparison. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { type Resource, useResource } from '../../core/resource'
import { listParam, param } from '../../core/router'
import type { Answer } from './rows'

export const MOST = 100
/** Rows that are asked for first: more than a screen of them. 100 runs of 1,000 keys are megabytes. */
const FIRST = 100
/** The curves beside them come before the other rows. */
const REST_MS = 250

function wanted() {
  const asked = [...new Set(listParam('runs'))]
  const ids = asked.slice(0, MOST)
  const diff = param('diff') !== '0'
  const baseline = param('baseline')
  return { asked, ids, diff, base: ids.includes(baseline) ? baseline : '' }
}

/** What the first rows are asked with. A single run differs from nothing: then all of it is shown. */
export function compareQuery() {
  const { ids, diff, base } = wanted()
  return { run_ids: ids, diff: diff && ids.length > 1, baseline: base, limit: FIRST }
}

const sameRuns = (a: Answer, b: Answer): boolean => a.baseline === b.baseline && a.matched === b.matched && a.runs.length === b.runs.length && a.runs.every((run, i) => run.run_id === b.runs[i]!.run_id)

/** The comparison of the address; `whole` once the rows below the first ones are there as well. */
export function useComparison(): ReturnType<typeof wanted> & { found: Resource<Answer>; whole: boolean } {
  const of = wanted()
  const query = compareQuery()
  const first = useResource<Answer>(of.ids.length ? 'runs/compare' : null, query)
  const short = first.data !== undefined && first.data.rows.length < first.data.matched
  const [late, setLate] = useState(false)
  useEffect(() => {
    if (!short) return
    const timer = setTimeout(() => setLate(true), REST_MS)
    return () => clearTimeout(timer)
  }, [short])
  const rest = useResource<Answer>(short && late ? 'runs/compare' : null, { ...query, offset: FIRST, limit: undefined })
  const more = short && rest.data && sameRuns(first.data!, rest.data) ? rest.data.rows : undefined
  const data = useMemo(() => (more ? { ...first.data!, rows: [...first.data!.rows, ...more] } : first.data), [first.data, more])
  const reload = () => { first.reload(); if (short && late) rest.reload() }
  return { ...of, found: { ...first, data, error: first.error ?? rest.error, reload }, whole: !short || more !== undefined }
}
