/** Templates of Jinja, which the server renders in its sandbox: their variables, and what is sent. */
import { useEffect, useState } from 'preact/hooks'
import { Failure, post } from '../../core/api'
import { filled, isJinja, type Known, type Message, type Template, variablesOf } from '../../parts/prompt/template'

interface Rendered {
  names: string[]
  rows: Message[][]
}

/** The person writes on meanwhile. */
const WAIT_MS = 250

const ask = (template: Template, known: Readonly<Record<string, Known>>, rows: readonly Readonly<Record<string, string>>[]): Promise<Rendered> =>
  post<Rendered>('prompts/render', {
    messages: JSON.stringify(template.map(({ role, content }) => ({ role: role || 'user', content }))),
    variables: JSON.stringify(known),
    rows: rows.map((row) => JSON.stringify(row)),
  })

/** The variables of a template, and what is wrong with it; of Jinja's as the server says, the last ones until it does. */
export function useVariables(template: Template, canAsk: boolean): { names: string[]; wrong: string } {
  const jinja = canAsk && isJinja(template)
  const [found, setFound] = useState<{ names: string[]; wrong: string }>()
  const text = jinja ? JSON.stringify(template) : ''
  useEffect(() => {
    if (!text) return setFound(undefined)
    let over = false
    const timer = setTimeout(() => void ask(template, {}, []).then(
      ({ names }) => { if (!over) setFound({ names, wrong: '' }) },
      (failure: Failure) => { if (!over) setFound((before) => ({ names: before?.names ?? variablesOf(template), wrong: why(failure) })) },
    ), found ? WAIT_MS : 0)
    return () => { over = true; clearTimeout(timer) }
  }, [text])
  return jinja && found ? found : { names: variablesOf(template), wrong: '' }
}

const why = ({ message, hint }: Failure): string => [message, hint].filter(Boolean).join(' ')

/** What is sent for each row; a Failure says which row cannot be rendered, and why. */
export async function messagesOf(template: Template, known: Readonly<Record<string, Known>>, rows: readonly { inputs: Readonly<Record<string, string>> }[], canAsk: boolean): Promise<Message[][]> {
  if (!canAsk || !isJinja(template)) return rows.map(({ inputs }) => filled(template, inputs))
  return (await ask(template, known, rows.map(({ inputs }) => inputs))).rows
}
