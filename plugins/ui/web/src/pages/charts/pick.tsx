/** Choose one of many names: a list that is searched while one types. */
import { useState } from 'preact/hooks'
import { useResource } from '../../core/resource'
import { count } from '../../core/format'
import { Float, MenuItem } from '../../parts/menu'

const MOST = 50

export interface PickProps {
  at: Element
  label: string
  options: readonly { value: string; title: string; detail?: string }[]
  pick: (value: string) => void
  close: () => void
  /** What is typed, for who finds the options elsewhere. */
  typed?: (text: string) => void
}

export function Pick({ at, label, options, pick, close, typed }: PickProps) {
  const [text, setText] = useState('')
  const found = options.filter(({ title }) => title.toLowerCase().includes(text.toLowerCase()))
  return (
    <Float at={at} close={close} label={label}>
      <div class="h" role="presentation"><input class="input" aria-label={label} placeholder="part of a name" value={text} onInput={(event) => { setText(event.currentTarget.value); typed?.(event.currentTarget.value) }} /></div>
      {found.slice(0, MOST).map(({ value, title, detail }) => <MenuItem key={value} does={() => { close(); pick(value) }} detail={detail}><span class="cut">{title}</span></MenuItem>)}
      {!found.length && <div class="h" role="presentation">nothing fits</div>}
      {found.length > MOST && <div class="h" role="presentation">{count(found.length - MOST)} more</div>}
    </Float>
  )
}

interface KeysAnswer {
  total: number
  keys: { column: string; kind: string; distinct: number }[]
}

/** Choose a column of the runs of experiments: metrics, parameters, tags. */
export function PickColumn({ experiments, ...rest }: Omit<PickProps, 'options' | 'typed'> & { experiments: readonly string[] }) {
  const [q, setQ] = useState('')
  const found = useResource<KeysAnswer>('runs/keys', { experiment_ids: [...experiments], q, limit: MOST })
  const options = (found.data?.keys ?? []).filter(({ column }) => !column.startsWith('tags.mlflow.')).map(({ column, kind }) => ({ value: column, title: column.slice(column.indexOf('.') + 1), detail: kind }))
  return <Pick {...rest} options={options} typed={setQ} />
}
