/** What a table has told about runs, so that the page of one shows it while it asks for the rest. */

export interface Told {
  name: string
  status: string
}

const MOST = 5000
const known = new Map<string, Told>()

/** Take in the runs of an answer, in columns. */
export function tell({ ids, names, status }: { ids: readonly string[]; names: readonly string[]; status: readonly string[] }): void {
  if (known.size > MOST) known.clear()
  ids.forEach((id, i) => known.set(id, { name: names[i] ?? '', status: status[i] ?? '' }))
}

export const told = (id: string): Told | undefined => known.get(id)
