/** Scores of answers: which scorers there are, and asking them; judges' models are asked at the gateway, as answers are. */
import { useEffect, useRef } from 'preact/hooks'
import { type Failure, post } from '../../core/api'
import { ask } from '../../parts/gateway/stream'
import type { Answers, Cell } from './answering'
import { USUAL_TOKENS } from './columns'

/** How many scores are made at once. */
const AT_ONCE = 4
/** How many questions a scorer may have of one answer: an ensemble has some judges, and each may ask again. */
const MOST_QUESTIONS = 24

export interface Scorer {
  /** Of a registered one. */
  scorer_id?: string
  /** The class of one that is always there. */
  builtin?: string
  name: string
  experiment_id?: string
  version?: number
  description: string
  judge: boolean
  /** The endpoint that it asks by itself. */
  endpoint: string
  /** Expectations, of which a row has to have one. */
  needs: string[]
  /** Why it cannot score an answer. */
  refused: string
}

/** As 'evaluations/score' answers it, and 'ui/prompt-save' takes it. */
export interface Said {
  name: string
  value: unknown
  rationale: string
  error: string
  source_type: string
  source_id: string
  metadata: Record<string, string>
}

export interface Scored {
  state: 'waits' | 'done'
  said: readonly Said[]
}

/** Under which it stands in the address. */
export const keyOf = (scorer: Scorer): string => scorer.scorer_id ?? `:${scorer.builtin}`

export interface Judging {
  chosen: readonly Scorer[]
  /** The endpoint that judges are put to which name none that is here. */
  judge: string
  endpoints: readonly string[]
  /** The lines of Guidelines. */
  guidelines: string
  /** Of the gateway. */
  key: string
}

const failure = (scorer: Scorer, error: string): Said[] => [{ name: scorer.name, value: null, rationale: '', error, source_type: scorer.judge ? 'LLM_JUDGE' : 'CODE', source_id: '', metadata: {} }]

/** Score each answer that is there by each scorer that was chosen, once; what changes about it is told to the answers. */
export function useScores(answers: Answers, judging: Judging): void {
  const now = useRef(judging)
  now.current = judging
  const begun = useRef(new WeakMap<Cell['job'], Set<string>>()).current
  const queue = useRef<(() => Promise<void>)[]>([]).current
  const running = useRef(0)
  const work = () => {
    while (running.current < AT_ONCE && queue.length) {
      running.current++
      void queue.shift()!().finally(() => { running.current--; work() })
    }
  }
  useEffect(() => {
    for (const [id, cell] of answers.cells) {
      if (cell.state !== 'done') continue
      for (const scorer of judging.chosen) {
        const place = `${keyOf(scorer)} ${scorer.builtin === 'Guidelines' ? judging.guidelines : ''} ${scorer.judge ? endpointOf(scorer, judging) : ''}`
        const known = begun.get(cell.job) ?? new Set()
        if (known.has(place) && cell.scores?.has(keyOf(scorer))) continue
        begun.set(cell.job, known.add(place))
        answers.score(id, cell.job, keyOf(scorer), { state: 'waits', said: [] })
        // Of now: what is stopped later ends what waits its turn, too.
        const signal = answers.signal()
        queue.push(async () => answers.score(id, cell.job, keyOf(scorer), { state: 'done', said: await score(scorer, cell, now.current, signal) }))
      }
    }
    work()
  })
}

export const endpointOf = (scorer: Scorer, { endpoints, judge }: Judging): string => (scorer.endpoint && endpoints.includes(scorer.endpoint) ? scorer.endpoint : judge)

async function score(scorer: Scorer, cell: Cell, judging: Judging, signal: AbortSignal): Promise<readonly Said[]> {
  const { job } = cell
  const endpoint = scorer.judge ? endpointOf(scorer, judging) : ''
  const answers: { key: string; text?: string; error?: string }[] = []
  // A prompt without variables is itself what was asked.
  const inputs = Object.keys(job.inputs).length ? job.inputs : { request: job.messages.at(-1)?.content ?? '' }
  try {
    while (answers.length < MOST_QUESTIONS) {
      if (signal.aborted) return failure(scorer, 'It was stopped.')
      const found = await post<{ feedback: Said[]; question?: { key: string; messages: { role: string; content: string }[]; fields: Record<string, unknown> } }>('evaluations/score', {
        ...(scorer.scorer_id ? { scorer_id: scorer.scorer_id } : { builtin: scorer.builtin }),
        ...(scorer.builtin === 'Guidelines' && { guidelines: judging.guidelines }),
        outputs: cell.text, inputs: JSON.stringify(inputs), expectations: job.expectations ?? '{}', endpoint, answers,
      })
      const { question } = found
      if (!question) return found.feedback
      let text = ''
      try {
        await ask({ endpoint, messages: question.messages, key: job.key, more: { max_tokens: Number(USUAL_TOKENS), ...question.fields } }, signal, (piece) => { text += piece.text ?? '' }, () => {})
        answers.push({ key: question.key, text })
      } catch (error) {
        // A model that takes no schema is asked without one; the scorer knows how.
        if (signal.aborted || !/response_format/.test((error as Error).message)) throw error
        answers.push({ key: question.key, error: (error as Error).message })
      }
    }
    return failure(scorer, `It asked ${MOST_QUESTIONS} questions, and came to no end.`)
  } catch (error) {
    if (signal.aborted) return failure(scorer, 'It was stopped.')
    return failure(scorer, [(error as Failure).message, (error as Failure).hint].filter(Boolean).join(' '))
  }
}

/** A score as a number, where it is one: yes and true are 1. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'boolean') return Number(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  const word = typeof value === 'string' ? value.trim().toLowerCase() : ''
  return word === 'yes' ? 1 : word === 'no' ? 0 : undefined
}

export const shownValue = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(+value.toPrecision(4)) : JSON.stringify(value))

/** All that is said of an answer. */
export const saidOf = (cell: Cell | undefined): Said[] => [...(cell?.scores?.values() ?? [])].flatMap(({ said }) => said)

/** The mean of each score of some answers, by name; one without a number has none. */
export function meansOf(cells: readonly Cell[]): Map<string, number | undefined> {
  const found = new Map<string, number[]>()
  for (const cell of cells) {
    for (const { name, value, error } of saidOf(cell)) {
      const number = error ? undefined : numberOf(value)
      const known = found.get(name) ?? []
      found.set(name, number === undefined ? known : [...known, number])
    }
  }
  return new Map([...found].map(([name, values]) => [name, values.length ? values.reduce((a, b) => a + b) / values.length : undefined]))
}
