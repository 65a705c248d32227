import type { Row, Run } from './rows'

export function Curves(_: { runs: Run[]; rows: Row[]; headline: string | null; baseline: string }) {
  return null
}
