/** Data sets for evaluation, to choose one from. */
import { count } from '../../core/format'
import { useResource } from '../../core/resource'
import { Float, MenuItem } from '../../parts/menu'
import { countOf, type DataSet } from './rows'

export interface DataSetsProps {
  at: Element
  chosen: string
  close: () => void
  /** '' for none: inputs are typed. */
  choose: (id: string) => void
  /** Rows are typed or pasted; absent for who may not write. */
  write?: () => void
}

const MOST = 50

export default function DataSets({ at, chosen, close, choose, write }: DataSetsProps) {
  const found = useResource<{ datasets?: DataSet[] }>('/api/3.0/mlflow/datasets/search', { max_results: MOST, order_by: ['last_update_time DESC'] })
  const sets = found.data?.datasets ?? []
  const go = (id: string) => () => { close(); choose(id) }
  return (
    // Anew when they are there: what is shown first takes the focus.
    <Float key={String(found.loading)} at={at} close={close} label="Data sets">
      <div class="h" role="presentation">{found.error ? `${found.error.message} ${found.error.hint}` : found.data && !sets.length ? 'no data sets yet' : 'rows of a data set for evaluation'}</div>
      {sets.map((each) => { const rows = countOf(each); return <MenuItem key={each.dataset_id} does={go(each.dataset_id)} checked={each.dataset_id === chosen ? true : undefined} detail={rows === undefined ? '' : count(rows)}>{each.name}</MenuItem> })}
      {write && found.data && <MenuItem does={() => { close(); write() }}>new rows…</MenuItem>}
      {chosen && <><hr /><MenuItem does={go('')}>none: type the inputs</MenuItem></>}
    </Float>
  )
}
