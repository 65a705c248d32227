/** Takes traces out of a review queue; taken back, they are in it again with what became of them. */
import { post } from '../../core/api'
import { plural } from '../../core/format'
import { edit } from '../../core/undo'

const API = '/api/3.0/mlflow/review-queues/items'

export interface Item {
  id: string
  /** 'pending', 'complete' or 'declined', and who settled that. */
  status: string
  by: string | null
}

/** Take them out; true if the server did. `show` says which ones are gone by now. */
export function takeOut(queue: { queue_id: string; name: string }, items: readonly Item[], show: (gone: readonly string[]) => void, reload: () => void): Promise<boolean> {
  const ids = items.map(({ id }) => id)
  const of = { queue_id: queue.queue_id }
  return edit({
    said: `${plural(ids.length, 'trace')} taken out of ${queue.name}`,
    apply: () => show(ids),
    send: async () => { await post(`${API}/remove`, { ...of, item_ids: ids }); reload() },
    revert: () => show([]),
    unsend: async () => {
      await post(`${API}/add`, { ...of, item_type: 'TRACE', item_ids: ids })
      for (const { id, status, by } of items) if (status !== 'pending') await post(`${API}/set-status`, { ...of, item_id: id, status: status.toUpperCase(), completed_by: by })
      reload()
    },
  })
}
