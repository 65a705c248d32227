/** A dialog that asks for a few texts. */
import type { ComponentChildren } from 'preact'
import { Dialog } from './dialog'

export interface Field {
  name: string
  label: string
  value?: string
  required?: boolean
  /** Several lines. */
  long?: boolean
  /** What can be chosen from. */
  options?: readonly string[]
  placeholder?: string
}

export interface AskProps {
  title: string
  fields: readonly Field[]
  button: string
  does: (values: Record<string, string>) => void
  close: () => void
  children?: ComponentChildren
}

export function Ask({ title, fields, button, does, close, children }: AskProps) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const given = new FormData(event.currentTarget as HTMLFormElement)
    close()
    does(Object.fromEntries([...given].map(([name, value]) => [name, String(value)])))
  }
  return (
    <Dialog label={title} close={close}>
      <form onSubmit={submit}>
        <div class="top"><h2>{title}</h2></div>
        <div class="in">
          {children && <p class="i2">{children}</p>}
          {fields.map((field, i) => <label key={field.name} class="lab">{field.label}<Control field={field} first={i === 0} /></label>)}
        </div>
        <div class="do"><button type="button" class="btn" onClick={close}>Cancel</button><button class="btn main">{button}</button></div>
      </form>
    </Dialog>
  )
}

function Control({ field, first }: { field: Field; first: boolean }) {
  const shared = { class: 'input', name: field.name, required: field.required ?? true, autofocus: first, placeholder: field.placeholder }
  if (field.options) return <select {...shared} defaultValue={field.value}>{field.options.map((option) => <option key={option} value={option}>{option || '–'}</option>)}</select>
  if (field.long) return <textarea {...shared} rows={5} defaultValue={field.value} />
  return <input {...shared} defaultValue={field.value} autocomplete="off" spellcheck={false} />
}
