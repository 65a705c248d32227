/** The questions that an experiment asks about its traces, each with the buttons or the field that answers it. */
import { useState } from 'preact/hooks'
import { post } from '../../core/api'
import { plural } from '../../core/format'
import { shown } from '../../core/keylist'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { about, may } from '../../core/root'
import { edit } from '../../core/undo'
import type { Json } from '../json'
import { add, change, isByHand, remove, typedOf } from './feedback'
import { asked, type Choice, choicesOf, type Input } from './choices'
import type { Assessment } from './assessment'
import { takeOut } from './taken'
import './questions.css'

interface Question {
  schema_id: string
  name: string
  type: 'FEEDBACK' | 'EXPECTATION'
  input: Input
  instruction?: string
  enable_comment?: boolean
  is_default?: boolean
}

/** A review queue: traces that wait for people, and how far they are. */
export interface Queue {
  queue_id: string
  name: string
  users: string[]
  experiment_id: string
  schema_ids: string[]
  pending: number
  complete: number
  declined: number
}

/** What became of a trace in the queue that it is looked at in. */
export interface Review {
  queue: Queue
  status: string
  by: string | null
  reload: () => void
  next: () => void
}

const me = (): string => about.user?.name || 'somebody'
/** Queues know people in lower case. */
const isMine = (item: Assessment): boolean => item.source.toLowerCase() === me().toLowerCase()
const kindOf = (question: Question): 'feedback' | 'expectation' => (question.type === 'EXPECTATION' ? 'expectation' : 'feedback')
const answersTo = (question: Question, all: readonly Assessment[]): Assessment[] => all.filter((each) => isByHand(each) && each.valid && !each.span_id && each.name === question.name && each.kind === kindOf(question))

/** An answer in the words of its button. */
function wordsOf(question: Question, value: Json): string {
  const label = choicesOf(question.input).find((each) => each.value === value)?.label
  return label ?? (Array.isArray(value) ? value.join(', ') : typedOf(value))
}

interface Props {
  experimentId: string
  traceId: string
  assessments: readonly Assessment[]
  reload: () => void
  review?: Review
}

export default function Questions({ experimentId, traceId, assessments, reload, review }: Props) {
  const found = useResource<{ label_schemas?: Question[] }>('/api/3.0/mlflow/label-schemas/list', { experiment_id: experimentId, max_results: 1000 })
  const questions = asked(found.data?.label_schemas ?? [], review?.queue.schema_ids ?? [])
  const mine = (question: Question) => answersTo(question, assessments).find(isMine)
  const answer = async (question: Question, value: Json, why?: string) => {
    const own = mine(question)
    const wanted = { name: question.name, kind: kindOf(question), value, rationale: why ?? own?.rationale ?? '' }
    await (own ? change(traceId, own, wanted, reload) : add(traceId, wanted, reload))
  }
  const press = (question: Question, { value }: Choice) => {
    const own = mine(question)
    if (question.input.categorical?.multi_select) {
      const chosen = Array.isArray(own?.value) ? own.value : []
      const next = chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]
      if (next.length || !own) return void answer(question, next)
    }
    if (own && (own.value === value || question.input.categorical?.multi_select)) return void remove(traceId, own, reload)
    void answer(question, value)
  }
  // In a queue digits answer: the first question that is open, else the first with buttons.
  const withButtons = questions.filter((each) => choicesOf(each.input).length)
  const current = may('write') && review ? (withButtons.find((each) => !mine(each)) ?? withButtons[0]) : undefined
  const settle = (status: 'COMPLETE' | 'DECLINED' | 'PENDING') => async () => {
    const set = async (to: string) => {
      await post('/api/3.0/mlflow/review-queues/items/set-status', { queue_id: review!.queue.queue_id, item_id: traceId, status: to, ...(to === 'PENDING' ? {} : { completed_by: me() }) })
      review!.reload()
    }
    const before = review!.status.toUpperCase()
    const said = { COMPLETE: 'reviewed', DECLINED: 'declined', PENDING: 'opened again' }[status]
    const done = await edit({ said: `${said} ${traceId.slice(0, 9)}`, apply: () => undefined, send: () => set(status), revert: () => undefined, unsend: () => set(before) })
    if (done && status !== 'PENDING') review!.next()
  }
  const drop = async () => {
    const { queue, status, by, next } = review!
    if (await takeOut(queue, [{ id: traceId, status, by }], () => undefined, review!.reload)) next()
  }
  const digits = Object.fromEntries((current ? choicesOf(current.input).slice(0, 9) : []).map((choice, n) => [String(n + 1), { does: `${current!.name.slice(0, 40)}: ${choice.label}`, quiet: true, run: () => press(current!, choice) }]))
  useKeys('Review', may('write') && review ? { ...digits, Enter: { does: 'Reviewed, to the next', run: () => void settle('COMPLETE')() }, x: { does: 'Decline to say, to the next', run: () => void settle('DECLINED')() }, Backspace: { does: 'Take out of the queue, to the next', run: () => void drop() } } : {})
  if (!questions.length && !review) return null
  const open = review?.status === 'pending'
  return (
    <section class="questions" aria-label="Questions">
      {questions.map((question) => <One key={question.schema_id} question={question} own={mine(question)} others={answersTo(question, assessments).filter((each) => !isMine(each))} keyed={question === current} press={(choice) => press(question, choice)} answer={(value, why) => void answer(question, value, why)} />)}
      {review && (
        <div class="nm wrap settle">
          {may('write') && <><button class="btn" onClick={() => void settle('COMPLETE')()}>Done, next<kbd>enter</kbd></button><button class="btn flat" onClick={() => void settle('DECLINED')()}>Decline<kbd>x</kbd></button><button class="btn flat" onClick={() => void drop()}>Take out<kbd>{shown('Backspace')}</kbd></button></>}
          <span class="x" />
          <span class="m i3" role="status">{open ? `open, one of ${plural(review.queue.pending, 'trace')}` : `${review.status === 'complete' ? 'done' : 'declined'} by ${review.by}`}</span>
          {!open && may('write') && <button class="link s" onClick={() => void settle('PENDING')()}>open again</button>}
        </div>
      )}
    </section>
  )
}

interface OneProps {
  question: Question
  own?: Assessment
  others: readonly Assessment[]
  /** Whether digits answer it. */
  keyed: boolean
  press: (choice: Choice) => void
  answer: (value: Json, why?: string) => void
}

function One({ question, own, others, keyed, press, answer }: OneProps) {
  const choices = choicesOf(question.input)
  const isOn = ({ value }: Choice) => (Array.isArray(own?.value) ? own.value.includes(value) : own?.value === value)
  return (
    <div class="question" role="group" aria-label={question.name}>
      <div class="lab">{question.name}{question.type === 'EXPECTATION' && <span class="i3"> what was expected</span>}</div>
      {question.instruction && <p class="s i3">{question.instruction}</p>}
      {may('write') ? (
        choices.length ? (
          <div class="nm wrap">{choices.map((choice, n) => <button key={choice.label} type="button" class={`btn choice ${isOn(choice) ? 'on' : ''}`} aria-pressed={isOn(choice)} onClick={() => press(choice)}>{choice.label}{keyed && n < 9 && <kbd>{n + 1}</kbd>}</button>)}</div>
        ) : (
          <Field key={`${own?.id}${JSON.stringify(own?.value)}`} question={question} own={own} answer={answer} />
        )
      ) : (
        own && <p class="m">{wordsOf(question, own.value)}</p>
      )}
      {question.enable_comment && own && may('write') && <input key={own.id} class="input" aria-label={`Why: ${question.name}`} placeholder="why" defaultValue={own.rationale ?? ''} onChange={(event) => answer(own.value, event.currentTarget.value.trim())} />}
      {others.length > 0 && <p class="m i3">{others.map((each) => `${each.source}: ${wordsOf(question, each.value).slice(0, 80)}`).join(' · ')}</p>}
    </div>
  )
}

function Field({ question, own, answer }: { question: Question; own?: Assessment; answer: (value: Json) => void }) {
  const known = own ? typedOf(own.value) : ''
  const [typed, setTyped] = useState(known)
  const { numeric, text } = question.input
  const given = typed.trim()
  const send = () => given && given !== known && answer(numeric ? Number(given) : given)
  const wrong = numeric && given !== '' && !(Number(given) >= (numeric.min_value ?? -Infinity) && Number(given) <= (numeric.max_value ?? Infinity))
  return (
    <form class="nm" onSubmit={(event) => { event.preventDefault(); if (!wrong) send() }}>
      {numeric ? (
        <input class="input" inputMode="decimal" aria-label={question.name} aria-invalid={wrong || undefined} value={typed} placeholder={`${numeric.min_value ?? ''} to ${numeric.max_value ?? ''}`} onInput={(event) => setTyped(event.currentTarget.value)} />
      ) : (
        <textarea class="input" rows={2} aria-label={question.name} maxLength={text?.max_length} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      )}
      <button class="btn" disabled={!given || given === known || wrong}>{own ? 'Change' : 'Save'}</button>
    </form>
  )
}
