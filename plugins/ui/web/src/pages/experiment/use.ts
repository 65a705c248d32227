/** What the page holds on to while the address changes. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { ahead, type Failure, post } from '../../core/api'
import { useResource } from '../../core/resource'
import { firstPage, Groups, type Query, Rows, type Source } from './rows'
import { type View, viewOf } from './state'

interface Found {
  experiments: { experiment_id: string; name: string }[]
}

/** The experiments that an address names: '1', '1,2' or 'all'. */
export function useExperiments(ids: string): { ids: string[]; name: string; error?: Failure } {
  const listed = ids === 'all' ? [] : ids.split(',')
  const single = listed.length === 1
  // Its views tell the name as well; asked for once, by whoever comes first.
  const one = useResource<{ name: string }>(single ? 'views' : null, { experiment_id: ids })
  const [all, setAll] = useState<Found['experiments']>()
  const [error, setError] = useState<Failure>()
  useEffect(() => {
    if (single) return
    post<Found>('/api/2.0/mlflow/experiments/search', { max_results: 1000 }).then((found) => setAll(found.experiments), setError)
  }, [ids])
  if (single) return { ids: listed, name: one.data?.name ?? '', error: one.error }
  if (ids === 'all') return { ids: all?.map((each) => each.experiment_id) ?? [], name: 'all runs', error }
  return { ids: listed, name: listed.map((id) => all?.find((each) => each.experiment_id === id)?.name ?? id).join(', '), error }
}

/** What the rows of a view are asked with. */
function queryOf(experiments: string[], view: View): Query {
  const { q, sort, group, colour, deleted } = view
  // What runs are coloured by comes with them, whether or not it is shown.
  const cols = colour && view.cols.length && !view.cols.includes(colour) ? [...view.cols, colour] : view.cols
  return { experiment_ids: experiments, q, sort, cols: cols.filter((each) => each !== 'spark'), tree: !group && !deleted, open: group ? [] : view.open, spark: view.spark === '-' ? '' : view.spark || '*', ...(group && { group }), ...(deleted && { view: 'deleted' as const }) }
}

/** Ask for the first rows, and for the name and the marks of the experiment, before the page is drawn. */
export function askAhead(ids: string): void {
  const view = viewOf()
  // A view that is kept on the server has to be known first.
  if (ids === 'all' || new URLSearchParams(location.search).has('v')) return
  if (!view.group) firstPage(queryOf(ids.split(','), view))
  if (!ids.includes(',')) ahead('views', { experiment_id: ids })
}

/**
 * The rows of the view, and those that are on their way: the last good ones stay until the new ones
 * are here, and longer if these fail.
 */
export function useSource(experiments: string[], view: View): [Source, Source] {
  const query = queryOf(experiments, view)
  const key = JSON.stringify(query)
  const made = useRef<{ key: string; source: Source } | undefined>(undefined)
  const good = useRef<Source | undefined>(undefined)
  const [, renew] = useState(0)
  if (made.current?.key !== key) {
    if (made.current && made.current.source !== good.current) made.current.source.close()
    made.current = { key, source: query.group ? new Groups(query, new Set(view.open)) : new Rows(query) }
  }
  const fresh = made.current.source
  useLayoutEffect(() => {
    if (!experiments.length) return
    if (fresh instanceof Rows) fresh.want(0, 60)
    return fresh.heads.subscribe((heads) => {
      if (!heads || good.current === fresh) return
      good.current?.close()
      good.current = fresh
      renew((n) => n + 1)
    })
  }, [fresh])
  useEffect(() => { if (fresh instanceof Groups) fresh.toggle(new Set(view.open)) }, [view.open.join()])
  return [good.current ?? fresh, fresh]
}
