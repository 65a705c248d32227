/** A row that the keys move, for plain tables and lists. */
import { useEffect, useState } from 'preact/hooks'
import { useKeys } from '../core/keys'

/** The index of the row under the cursor, -1 for none: j, k and the arrows move it, Enter opens. */
export function useRowCursor(name: string, count: number, open: (index: number) => void): number {
  const [at, setAt] = useState(-1)
  useEffect(() => { if (at >= count) setAt(count - 1) }, [count])
  useEffect(() => { document.querySelector('tr.at')?.scrollIntoView({ block: 'nearest' }) }, [at])
  const go = (index: number) => setAt(Math.max(0, Math.min(count - 1, index)))
  const next = count ? { does: 'Next row', run: () => go(at + 1), quiet: true } : undefined
  const previous = count ? { does: 'Previous row', run: () => go(at - 1), quiet: true } : undefined
  useKeys(name, { j: next, k: previous, ArrowDown: next, ArrowUp: previous, Enter: count ? { does: 'Open', run: () => open(at), needs: at < 0 && 'a row under the cursor (j)' } : undefined })
  return at
}
