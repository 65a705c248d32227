/** Ask an endpoint something, and watch the answer come. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { count } from '../../core/format'
import { useKeys } from '../../core/keys'
import { about } from '../../core/root'
import { setQuery } from '../../core/router'
import { type Call, type Endpoint, outcomeOf, secs, usd, why } from './answers'
import { Refused } from '../../parts/gateway/pieces'
import { recordOf } from '../../parts/gateway/record'
import { ask } from '../../parts/gateway/stream'

/** Of shorter streams (seconds) the speed says nothing. */
const LEAST = 0.2

interface Answer {
  endpoint: string
  text: string
  state: 'waits' | 'comes' | 'done' | 'stopped' | 'failed'
  first?: number
  took?: number
  tokens?: { input: number; output: number }
  error?: Refused
  /** The record of the call: its model and cost, once it is kept. */
  call?: Call
}

const isOpen = (answer: Answer | undefined): boolean => answer?.state === 'waits' || answer?.state === 'comes'

export function TryIt({ endpoints, chosen, needsKey }: { endpoints: readonly Endpoint[]; chosen: string; needsKey: boolean }) {
  const [message, setMessage] = useState('Say hello in five words.')
  const [key, setKey] = useState('')
  const [answer, setAnswer] = useState<Answer>()
  const abort = useRef<AbortController | null>(null)
  const box = useRef<HTMLTextAreaElement>(null)
  const names = endpoints.filter((each) => each.chats).map((each) => each.name)
  const endpoint = names.includes(chosen) ? chosen : (names[0] ?? '')
  const wantsKey = needsKey && !about.user?.name
  const open = isOpen(answer)
  const close = () => setQuery({ try: null })
  const stop = () => abort.current?.abort()
  useEffect(() => {
    box.current?.focus()
    box.current?.select()
    return stop
  }, [])
  const send = async () => {
    if (open || !message.trim() || !endpoint) return
    const mine = new AbortController()
    abort.current = mine
    const began = performance.now()
    const since = () => (performance.now() - began) / 1000
    const change = (more: Partial<Answer>) => { if (abort.current === mine) setAnswer((now) => now && { ...now, ...more }) }
    let id = ''
    let text = ''
    setAnswer({ endpoint, text: '', state: 'waits' })
    try {
      await ask({ endpoint, messages: [{ role: 'user', content: message }], key: wantsKey ? key.trim() : '' }, mine.signal, (piece) => {
        if (piece.text) {
          if (!text) change({ first: since() })
          text += piece.text
          change({ text, state: 'comes' })
        }
        if (piece.tokens) change({ tokens: piece.tokens })
      }, (found) => { id = found })
      change({ state: 'done', took: since() })
    } catch (error) {
      if (mine.signal.aborted) change({ state: 'stopped', took: since() })
      else change({ state: 'failed', took: since(), error: error instanceof Refused ? error : new Refused('The server does not answer.') })
    }
    const call = id ? await recordOf<Call>(id) : undefined
    if (call) change({ call })
  }
  useKeys('Try it', {
    'Mod+Enter': { does: 'Send', run: () => void send(), always: true },
    Escape: { does: open ? 'Stop the answer' : 'Close', run: open ? stop : close, always: true, quiet: true },
  })
  return (
    <aside class="gw-try" aria-label="Try it">
      <div class="cap"><h2>Try it</h2><span class="x" /><button class="btn flat" onClick={close}>close<kbd>esc</kbd></button></div>
      <form onSubmit={(event) => { event.preventDefault(); void send() }}>
        <label class="lab">Endpoint
          <select class="input" value={endpoint} onChange={(event) => setQuery({ try: event.currentTarget.value }, { replace: true })}>{names.map((name) => <option key={name} value={name}>{name}</option>)}</select>
        </label>
        {wantsKey && <label class="lab">Key of the gateway, kept nowhere<input class="input" type="password" autocomplete="off" placeholder="pgk_…" value={key} onInput={(event) => setKey(event.currentTarget.value)} /></label>}
        <label class="lab">Message<textarea ref={box} class="input" rows={4} value={message} onInput={(event) => setMessage(event.currentTarget.value)} /></label>
        <div class="do">
          {/* Two elements: one that became the other while it is pressed would send what was just stopped. */}
          {open ? <button key="stop" type="button" class="btn main" onClick={stop}>Stop<kbd>esc</kbd></button> : <button key="send" class="btn main" disabled={!message.trim() || !endpoint}>Send<kbd>ctrl enter</kbd></button>}
          {open && <span class="m i3">{answer?.state === 'waits' ? 'waits for the first token' : 'comes'}</span>}
        </div>
      </form>
      {answer && <Shown answer={answer} />}
    </aside>
  )
}

function Shown({ answer }: { answer: Answer }) {
  const { call, tokens, error } = answer
  const input = tokens?.input ?? call?.tokens_in
  const output = tokens?.output ?? call?.tokens_out
  const streaming = answer.took !== undefined && answer.first !== undefined ? answer.took - answer.first : 0
  return (
    <div class="gw-said-box">
      {error ? <div class="fail" role="alert"><h2>No {answer.text && 'whole '}answer</h2><p>{error.message} {error.hint}</p>{error.requestId && <span class="m i3">request {error.requestId}</span>}</div> : null}
      {(answer.text || !error) && <div class="gw-text" role="region" aria-label="The answer" aria-busy={isOpen(answer)} tabIndex={0}>{answer.text || <span class="i3">{isOpen(answer) ? '…' : 'No text came.'}</span>}</div>}
      <div role="group" aria-label="What it took"><dl class="kv">
        <dt>first token</dt><dd>{answer.first === undefined ? '–' : `${secs(answer.first)} s`}</dd>
        <dt>whole answer</dt><dd>{answer.took === undefined ? '–' : `${secs(answer.took)} s`}</dd>
        <dt>tokens</dt><dd>{input === undefined ? '–' : `${count(input)} in, ${count(output ?? 0)} out`}</dd>
        {streaming > LEAST && output !== undefined && output > 1 && <><dt>speed</dt><dd>{count(Math.round(output / streaming))} tok/s</dd></>}
        <dt>cost</dt><dd>{call ? usd(call.usd) : '–'}</dd>
        <dt>model</dt><dd>{call ? call.model || '–' : '–'}</dd>
      </dl></div>
      <p class="m i3" role="status">{isOpen(answer) ? '' : answer.state === 'stopped' ? 'Stopped. What had come is counted.' : call ? [outcomeOf(call), why(call)].filter(Boolean).join(', ') : answer.state === 'done' ? 'done' : ''}</p>
    </div>
  )
}
