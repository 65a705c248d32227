/** JSON as a tree that opens where one presses, and texts with what is looked for marked. */
import { useState } from 'preact/hooks'
import { count } from '../core/format'
import { Chevron } from './icon'
import './json.css'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** How many entries of a list are made at first. */
const SHOWN = 100
const LONG = 2000

/** A text, each place of `find` in it marked, in any case of letters. */
export function Marked({ text, find }: { text: string; find: string }) {
  if (!find) return <>{text}</>
  const parts = []
  const lower = text.toLowerCase()
  const wanted = find.toLowerCase()
  // Letters whose lower case is longer would shift the places.
  if (lower.length !== text.length) return <>{text}</>
  let from = 0
  for (let at = lower.indexOf(wanted); at >= 0 && parts.length < 2000; at = lower.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>)
    from = at + wanted.length
  }
  return <>{parts}{text.slice(from)}</>
}

export function JsonTree({ value, find = '', open = 2 }: { value: Json; find?: string; /** How many levels are open at first. */ open?: number }) {
  return <div class="tree"><Node value={value} find={find} open={open} /></div>
}

function Node({ name, value, find, open }: { name?: string; value: Json; find: string; open: number }) {
  const [isOpen, setOpen] = useState<boolean>()
  const [shown, setShown] = useState(SHOWN)
  const label = name !== undefined && <><span class="k"><Marked text={name} find={find} /></span>: </>
  if (typeof value !== 'object' || value === null) return <>{label}<Leaf value={value} find={find} /></>
  const isList = Array.isArray(value)
  const entries: [string, Json][] = isList ? value.map((each, i) => [String(i), each]) : Object.entries(value)
  const held = entries.length
  if (!held) return <>{label}<span class="k">{isList ? '[ ]' : '{ }'}</span></>
  // What is looked for is shown, wherever it lies.
  const opened = isOpen ?? (open > 0 || (find !== '' && JSON.stringify(value).toLowerCase().includes(find.toLowerCase())))
  const list = (
    <ul>
      {entries.slice(0, shown).map(([key, each]) => <li key={key}><Node name={key} value={each} find={find} open={open - 1} /></li>)}
      {held > shown && <li><button class="more" onClick={() => setShown(shown * 4)}>{held - shown} more</button></li>}
    </ul>
  )
  if (name === undefined) return list
  return (
    <>
      <button aria-expanded={opened} onClick={() => setOpen(!opened)}>
        <Chevron to={opened ? 'down' : 'right'} />
        <span><span class="k"><Marked text={name} find={find} /></span>{!opened && <span class="k"> {isList ? `[${held}]` : `{${held}}`}</span>}</span>
      </button>
      {opened && list}
    </>
  )
}

function Leaf({ value, find }: { value: string | number | boolean | null; find: string }) {
  const [whole, setWhole] = useState(false)
  if (typeof value !== 'string') return <span class="num"><Marked text={String(value)} find={find} /></span>
  const isCut = value.length > LONG && !whole && !(find && value.toLowerCase().includes(find.toLowerCase()))
  return (
    <span class="str">
      <Marked text={isCut ? value.slice(0, LONG) : value} find={find} />
      {isCut && <> <button class="more" onClick={() => setWhole(true)}>{count(value.length - LONG)} more characters</button></>}
    </span>
  )
}
