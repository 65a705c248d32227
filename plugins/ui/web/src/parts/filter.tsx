/** One line to ask in: coloured by its grammar, completed from the server, wrong words underlined. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Failure } from '../core/api'
import { quotedValue } from '../core/columns'
import { isWhole, type Place, placeAt, tokenize } from '../core/grammar'
import { useKeys } from '../core/keys'
import './filter.css'

export interface Suggestion {
  /** What is put in place of what was typed. */
  insert: string
  label: string
  detail?: string
}

export interface FilterProps {
  value: string
  /** Called with what was typed, once it is whole or Enter was pressed. */
  apply: (text: string) => void
  complete: (place: Place) => Promise<Suggestion[]>
  placeholder: string
  /** At the right: '24 of 1,204'. */
  count?: string
  error?: Failure
  /** Under which name what was asked is remembered. */
  memory: string
}

const APPLY_MS = 250
const REMEMBERED = 50
const SHOWN = 12

export function Filter({ value, apply, complete, placeholder, count, error, memory }: FilterProps) {
  const input = useRef<HTMLInputElement>(null)
  const layer = useRef<HTMLDivElement>(null)
  const [text, setText] = useState(value)
  const [caret, setCaret] = useState(0)
  const [found, setFound] = useState<Suggestion[]>([])
  const [at, setAt] = useState(-1)
  const [isOpen, setOpen] = useState(false)
  const [focused, setFocused] = useState(false)
  const [past, setPast] = useState(-1)
  const [fits, setFits] = useState('')
  const typed = useRef(false)

  useEffect(() => { if (!typed.current || document.activeElement !== input.current) setText(value) }, [value])
  useEffect(() => {
    if (!typed.current || text === value || !isWhole(text)) return
    const timer = setTimeout(() => apply(text.trim()), APPLY_MS)
    return () => clearTimeout(timer)
  }, [text])
  useLayoutEffect(() => {
    if (!isOpen) return
    let late = false
    complete(placeAt(text, caret)).then(
      (items) => { if (!late) { setFound(items.slice(0, SHOWN)); setAt(-1) } },
      () => undefined,
    )
    return () => { late = true }
  }, [text, caret, isOpen])
  useLayoutEffect(scroll, [text, caret])

  function scroll(): void {
    // Without a text there is nothing to ask of the browser, which would lay out the page for it.
    if (text && layer.current && input.current) layer.current.scrollLeft = input.current.scrollLeft
  }
  useKeys('Filter', { '/': { does: 'Filter', run: () => { input.current?.focus(); input.current?.select() } } })

  const wrong = error?.position !== undefined && text === value ? error.position : undefined
  const fix = wrong === undefined ? undefined : fixOf(text, wrong)

  useEffect(() => {
    setFits('')
    if (fix) void complete({ want: 'value', column: fix.column, typed: fix.word, from: 0, to: 0 }).then((items) => setFits(items.find((item) => item.label === fix.word)?.detail ?? ''), () => undefined)
  }, [fix?.text])

  function change(next: string, place = next.length): void {
    typed.current = true
    setText(next)
    setCaret(place)
    setPast(-1)
    queueMicrotask(() => input.current?.setSelectionRange(place, place))
  }
  function take(item: Suggestion | undefined): void {
    if (!item) return
    const place = placeAt(text, caret)
    change(text.slice(0, place.from) + item.insert + text.slice(place.to), place.from + item.insert.length)
  }
  function submit(): void {
    const asked = text.trim()
    remember(memory, asked)
    setOpen(false)
    typed.current = false
    apply(asked)
  }
  function recall(step: number): void {
    const all = recalled(memory)
    const next = Math.max(-1, Math.min(all.length - 1, past + step))
    typed.current = true
    const said = next < 0 ? '' : (all[next] ?? '')
    setText(said)
    setCaret(said.length)
    setPast(next)
  }
  function press(event: KeyboardEvent): void {
    const shown = isOpen && found.length > 0
    if (event.key === 'ArrowDown') { if (shown) setAt((at + 1) % found.length); else if (past >= 0) recall(-1); else setOpen(true) }
    else if (event.key === 'ArrowUp') { if (shown && at >= 0) setAt(at - 1); else { setOpen(false); recall(1) } }
    else if (event.key === 'Tab' && !event.shiftKey && (fix || (shown && typed.current))) { if (fix && !typed.current) { change(fix.text); setOpen(false) } else take(found[Math.max(0, at)]) }
    else if (event.key === 'Enter') { if (shown && at >= 0) take(found[at]); else submit() }
    else if (event.key === 'Escape') {
      if (isOpen) setOpen(false)
      else { typed.current = false; setText(value); input.current?.blur() }
    } else return
    event.preventDefault()
    event.stopPropagation()
  }
  const list = focused && isOpen && wrong === undefined && found.length > 0
  // A link to a wrong filter shows nothing else.
  const says = error !== undefined && text === value && (focused || !count) && !list
  const left = list || says ? Math.max(0, x(layer.current, wrong ?? placeAt(text, caret).from)) : 0

  return (
    <div class={`filter ${error && text === value ? 'wrong' : ''}`}>
      <kbd aria-hidden="true">/</kbd>
      <div class="q">
        <div class="hl" ref={layer} aria-hidden="true">
          {tokenize(text).map((token) => (
            <span key={token.from} class={`t-${token.kind}${wrong !== undefined && wrong >= token.from && wrong < Math.max(token.to, token.from + 1) ? ' err' : ''}`}>{token.text}</span>
          ))}
        </div>
        <input ref={input} role="combobox" aria-label="Filter" aria-expanded={list} aria-controls="filter-list" aria-autocomplete="list" aria-invalid={wrong !== undefined} aria-activedescendant={list && at >= 0 ? `filter-${at}` : undefined} spellcheck={false} autocomplete="off" autocapitalize="off" value={text} placeholder={placeholder}
          onInput={(event) => { change(event.currentTarget.value, event.currentTarget.selectionStart ?? 0); setOpen(true) }}
          onKeyDown={press} onScroll={scroll} onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onFocus={() => { setFocused(true); typed.current = false }} onBlur={() => { setFocused(false); setOpen(false); if (typed.current && isWhole(text)) submit() }} />
      </div>
      {count && <span class="n" role="status">{error && text === value ? `last good: ${count}` : count}</span>}
      <div class={`floatbox menu ${list ? '' : 'hide'}`} style={{ left: `${left}px` }} role="listbox" id="filter-list" aria-label="Completions">
        {list && found.map((item, i) => (
          <div key={item.label} id={`filter-${i}`} role="option" aria-selected={i === at} class={`m ${i === at ? 'at' : ''}`} onPointerDown={(event) => { event.preventDefault(); take(item) }}>
            <span class="cut">{item.label}</span>
            {item.detail && <span class="detail">{item.detail}</span>}
          </div>
        ))}
      </div>
      {says && (
        <div class="floatbox said" style={{ left: `${left}px` }} role="alert">
          <div><span class="i3">{wrong === undefined ? '' : `column ${wrong + 1} `}</span> {error.message}</div>
          {fix ? <div class="fix">{fix.before}<span class="hot">{fix.good}</span>{fits && <span class="i3">{fits}</span>}<kbd>tab take</kbd></div> : error.hint && <div class="i2">{error.hint}</div>}
        </div>
      )}
    </div>
  )
}

/** Where a character of the layer stands, in px from the left of the filter. */
function x(layer: HTMLDivElement | null, place: number): number {
  if (!layer?.parentElement) return 0
  const base = layer.parentElement.offsetLeft - layer.scrollLeft
  for (const [i, token] of [...layer.children].entries()) {
    const length = token.textContent?.length ?? 0
    if (place <= length || i === layer.children.length - 1) {
      const box = token as HTMLElement
      return base + box.offsetLeft + (length ? (Math.min(place, length) / length) * box.offsetWidth : 0)
    }
    place -= length
  }
  return base
}

interface Fix {
  before: string
  good: string
  text: string
  column: string
  word: string
}

/** The mend of the most frequent mistake: a text without quotes. */
function fixOf(text: string, position: number): Fix | undefined {
  const tokens = tokenize(text)
  const index = tokens.findIndex((token) => position >= token.from && position < token.to)
  const token = tokens[index]
  const place = token && placeAt(text, token.to)
  if (token?.kind !== 'name' || place?.want !== 'value') return undefined
  const good = quotedValue(token.text)
  const spoken = tokens.slice(Math.max(0, index - 4), index).map((each) => each.text).join('')
  return { before: spoken, good, text: text.slice(0, token.from) + good + text.slice(token.to), column: place.column, word: token.text }
}

const keyOf = (memory: string): string => `pegboard.asked.${memory}`

function recalled(memory: string): string[] {
  try {
    return JSON.parse(localStorage.getItem(keyOf(memory)) ?? '[]') as string[]
  } catch {
    return []
  }
}

function remember(memory: string, text: string): void {
  if (!text) return
  try {
    localStorage.setItem(keyOf(memory), JSON.stringify([text, ...recalled(memory).filter((each) => each !== text)].slice(0, REMEMBERED)))
  } catch {
    // Nothing is remembered where the browser keeps nothing.
  }
}
