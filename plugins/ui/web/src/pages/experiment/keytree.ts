/** Names with slashes as a tree: 'train/loss' stands below 'train'. */

export interface Key {
  column: string
  kind: string
  runs: number
  distinct: number
  min: number | null
  max: number | null
}

export interface Branch {
  label: string
  /** A leaf has a key, all else has what is inside. */
  key?: Key
  inside: Branch[]
  /** All columns below. */
  columns: string[]
}

const MOST_DEEP = 6

/** Put keys below their prefixes; one that is alone below a prefix stays as it is. */
export function branchesOf(keys: readonly Key[]): Branch[] {
  return grow(keys.map((key) => ({ key, rest: key.column.slice(key.column.indexOf('.') + 1) })), 0)
}

function grow(items: readonly { key: Key; rest: string }[], depth: number): Branch[] {
  const groups = new Map<string, { key: Key; rest: string }[]>()
  const found: Branch[] = []
  for (const item of items) {
    const slash = depth < MOST_DEEP ? item.rest.indexOf('/') : -1
    const label = slash > 0 ? item.rest.slice(0, slash) : ''
    if (!label) found.push({ label: item.rest, key: item.key, inside: [], columns: [item.key.column] })
    else groups.set(label, [...(groups.get(label) ?? []), item])
  }
  for (const [label, group] of groups) {
    if (group.length === 1) {
      const { key, rest } = group[0]!
      found.push({ label: rest, key, inside: [], columns: [key.column] })
    } else {
      const inside = grow(group.map(({ key, rest }) => ({ key, rest: rest.slice(label.length + 1) })), depth + 1)
      found.push({ label, inside, columns: group.map(({ key }) => key.column) })
    }
  }
  return found.sort((a, b) => Number(Boolean(a.inside.length)) - Number(Boolean(b.inside.length)) || a.label.localeCompare(b.label))
}
