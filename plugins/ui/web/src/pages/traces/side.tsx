/** The span that is looked at: what went in, what came out, all else that is known, and what people say. */
import { Picture } from '../../parts/picture'
import { useEffect, useRef, useState } from 'preact/hooks'
import { copy } from '../../core/copy'
import { count, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { may } from '../../core/root'
import { param, setQuery } from '../../core/router'
import { type Json, JsonTree, Marked } from '../../parts/json'
import { lazily } from '../../parts/lazy'
import { Failed } from '../../parts/states'
import { Age } from '../../parts/time'
import type { Review } from '../../parts/review/questions'
import { isByHand, remove, ScoreForm, thumb, typedOf } from '../../parts/review/feedback'
import type { Assessment } from '../../parts/review/assessment'
import { type Found, foundOf, gridOf, type Message, newIn, parsed, talkOf } from './messages'
import { dollars, took } from './spans'
import { PromptLink } from '../../parts/prompt/link'
import type { Overview } from './trace'

interface Detail {
  span_id: string
  inputs: Json
  outputs: Json
  has: string[]
  attributes: Record<string, Json>
  events: { name: string; at: number; attributes: Record<string, Json> }[]
  events_total: number
  links: { trace_id: string; span_id: string }[]
  status_message: string
  kind: string
  /** The whole lengths of what is too long to be shown whole. */
  cut: Record<string, number>
}

/** Few experiments ask questions. */
const Questions = lazily('The questions', () => import('../../parts/review/questions'))

const TABS = ['inout', 'attributes', 'events', 'feedback', 'raw'] as const

export function Side({ trace, i, took: ms, reload, review }: { trace: Overview; i: number; took: number; reload: () => void; review?: Review }) {
  const id = trace.ids[i]!
  const asked = useResource<Detail>('traces/span', { trace_id: trace.info.trace_id, span_id: id })
  const detail = asked.data?.span_id === id ? asked.data : undefined
  const tab = (TABS as readonly string[]).includes(param('tab')) ? param('tab') : 'inout'
  const [find, setFind] = useState('')
  const [wrap, setWrap] = useState(true)
  const [hits, setHits] = useState(0)
  /** How often somebody asked to say something. */
  const [asks, setAsks] = useState(0)
  /** The id of what is changed. */
  const [changed, setChanged] = useState('')
  const box = useRef<HTMLElement>(null)
  const input = useRef<HTMLInputElement>(null)
  const at = useRef(-1)
  const shown = trace.assessments.filter((each) => !each.span_id || each.span_id === id)
  useEffect(() => {
    at.current = -1
    const marks = box.current?.querySelectorAll('mark') ?? []
    setHits(marks.length)
  }, [find, tab, detail])
  const next = (by: number) => {
    const marks = [...(box.current?.querySelectorAll('mark') ?? [])]
    if (!marks.length) return
    marks[at.current]?.classList.remove('at')
    at.current = (at.current + by + marks.length) % marks.length
    marks[at.current]?.classList.add('at')
    marks[at.current]?.scrollIntoView({ block: 'center' })
  }
  const go = (to: string) => setQuery({ tab: to === 'inout' ? null : to }, { replace: true })
  const what = (): Json => (tab === 'inout' ? { inputs: detail?.inputs ?? null, outputs: detail?.outputs ?? null } : tab === 'attributes' ? (detail?.attributes ?? null) : tab === 'events' ? ((detail?.events ?? null) as Json) : tab === 'feedback' ? (shown as unknown as Json) : (detail as unknown as Json)) ?? null
  const traceId = trace.info.trace_id
  const judge = async (up: boolean) => {
    go('feedback')
    const id = await thumb(traceId, up, trace.assessments, reload)
    // Who says no is asked why.
    setChanged(up ? '' : id)
  }
  useKeys('Span', {
    f: { does: 'Find in the span', run: () => input.current?.select() },
    w: { does: 'Wrap long lines, or not', run: () => setWrap(!wrap) },
    c: { does: 'Copy what is shown of the span', run: () => void copy(JSON.stringify(what(), null, 2), 'span copied') },
    // In a queue digits answer its questions.
    ...(!review && {
      1: { does: 'In and out', run: () => go('inout') }, 2: { does: 'Attributes', run: () => go('attributes') },
      3: { does: 'Events', run: () => go('events') }, 4: { does: 'Feedback', run: () => go('feedback') }, 5: { does: 'Raw', run: () => go('raw') },
    }),
    '+': may('write') ? { does: 'Thumb up', run: () => void judge(true) } : undefined,
    '-': may('write') ? { does: 'Thumb down, and why', run: () => void judge(false) } : undefined,
    a: may('write') ? { does: 'Add feedback', run: () => { go('feedback'); setAsks(asks + 1) } } : undefined,
  })
  const titles: Record<string, [string, number]> = {
    inout: ['In and out', 0], attributes: ['Attributes', detail ? Object.keys(detail.attributes).length : 0], events: ['Events', detail?.events_total ?? 0], feedback: ['Feedback', shown.length], raw: ['Raw', 0],
  }
  return (
    <aside class={`span-side ${wrap ? '' : 'nowrap'}`} aria-label="The span" ref={box} tabIndex={0}>
      <div class="h"><h2>{trace.names[i]}</h2><span class="m i3">{trace.models[i]}</span><span class="x" /><span class="m i2 nw">{trace.ends[i] === null ? 'running' : took(ms)}</span></div>
      {review && <Questions experimentId={trace.info.experiment_id} traceId={traceId} assessments={trace.assessments} reload={reload} review={review} />}
      <div class="tabs" role="tablist" aria-label="Of the span">
        {TABS.map((each) => (
          <button key={each} role="tab" aria-selected={tab === each} class={tab === each ? 'on' : ''} onClick={() => go(each)}>{titles[each]![0]}{titles[each]![1] > 0 && <span class="m"> {count(titles[each]![1])}</span>}</button>
        ))}
      </div>
      <div class="tools">
        <label class="find"><input ref={input} aria-label="Find in the span" placeholder="find in the span" value={find} autocomplete="off" spellcheck={false} onInput={(event) => setFind(event.currentTarget.value)}
          onKeyDown={(event) => { if (event.key === 'Enter') { event.preventDefault(); next(event.shiftKey ? -1 : 1) } else if (event.key === 'Escape') { setFind(''); event.currentTarget.blur() } }} />
          <span class="n" role="status">{find ? count(hits) : ''}</span><kbd aria-hidden="true">f</kbd></label>
        <button class="btn flat" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>wrap<kbd>w</kbd></button>
        <button class="btn flat" onClick={() => void copy(JSON.stringify(what(), null, 2), 'span copied')}>copy<kbd>c</kbd></button>
      </div>
      {asked.error && !detail && <Failed what="The span could not be read" error={asked.error} retry={asked.reload} />}
      {detail && tab === 'inout' && <InOut trace={trace} i={i} detail={detail} find={find} />}
      {detail && tab === 'attributes' && (
        <section>
          {Object.keys(detail.attributes).length ? <JsonTree value={detail.attributes} find={find} open={1} /> : <p class="s i3">This span has no attributes.</p>}
          <Cut cut={detail.cut} />
          {!trace.parents[i] && <OfTrace title="tags of the trace" values={trace.info.tags} find={find} />}
          {!trace.parents[i] && <OfTrace title="metadata of the trace" values={trace.info.metadata} find={find} />}
        </section>
      )}
      {detail && tab === 'events' && <Events detail={detail} find={find} />}
      {tab === 'feedback' && !review && <Questions experimentId={trace.info.experiment_id} traceId={traceId} assessments={trace.assessments} reload={reload} />}
      {tab === 'feedback' && (
        <section>
          {may('write') && <div class="nm thumbs"><button class="btn flat" onClick={() => void judge(true)}>good<kbd>+</kbd></button><button class="btn flat" onClick={() => void judge(false)}>bad<kbd>-</kbd></button></div>}
          {shown.map((each) => (
            changed === each.id && may('write')
              ? <ScoreForm key={`change ${each.id}`} asks={0} traceId={traceId} spanId="" spanName="" reload={reload} known={each} done={() => setChanged('')} />
              : <Score key={each.id} item={each} find={find} change={may('write') && isByHand(each) ? () => setChanged(each.id) : undefined} remove={may('write') ? () => void remove(traceId, each, reload) : undefined} />
          ))}
          {!shown.length && <p class="s i3">Nobody has judged this trace yet.</p>}
          {may('write') && <ScoreForm asks={asks} traceId={trace.info.trace_id} spanId={trace.parents[i] ? id : ''} spanName={trace.names[i]!} reload={reload} />}
        </section>
      )}
      {detail && tab === 'raw' && <section><pre><Marked text={JSON.stringify({ ...detail, name: trace.names[i], type: trace.types[i], status: trace.status[i], parent_id: trace.parents[i] }, null, 2)} find={find} /></pre></section>}
    </aside>
  )
}

function InOut({ trace, i, detail, find }: { trace: Overview; i: number; detail: Detail; find: string }) {
  const into = talkOf(detail.inputs)
  const out = talkOf(detail.outputs)
  const rest = { ...into?.rest, ...out?.rest }
  const tokens = trace.tokens[i]
  const first = trace.firsts[i]
  const scores = trace.assessments.filter((each) => each.span_id === detail.span_id && each.valid)
  const facts: [string, preact.ComponentChildren][] = [
    ...Object.entries(rest).filter(([, value]) => typeof value !== 'object').map(([key, value]): [string, string] => [key, String(value)]),
    ...(tokens === null || tokens === undefined ? [] : [['tokens', count(tokens)] as [string, string]]),
    ...(trace.costs[i] === null || trace.costs[i] === undefined ? [] : [['cost', dollars(trace.costs[i])] as [string, string]]),
    ...(first === null || first === undefined ? [] : [['first token after', took(first - trace.starts[i]!)] as [string, string]]),
    ...promptsOf(detail).map((prompt): [string, preact.ComponentChildren] => ['prompt', <PromptLink {...prompt} />]),
    ...scores.map((each): [string, preact.ComponentChildren] => [each.name, <>{valueText(each.value)} <span class="i3">{each.source}</span></>]),
  ]
  const beside = Object.entries(rest).filter(([, value]) => typeof value === 'object' && value !== null)
  const documents = beside.filter(([, value]) => foundOf(value))
  const others = Object.fromEntries(beside.filter(([, value]) => !foundOf(value)))
  return (
    <section>
      {detail.status_message && <p class={`said ${trace.status[i] === 'ERROR' ? 'bad' : ''}`} role={trace.status[i] === 'ERROR' ? 'alert' : undefined}><Marked text={detail.status_message} find={find} /></p>}
      {detail.has.includes('inputs') && <Part title="in" value={detail.inputs} talk={into?.messages} cut={detail.cut.inputs} find={find} />}
      {detail.has.includes('outputs') && <Part title="out" value={detail.outputs} talk={out && newIn(out.messages, into?.messages ?? [])} cut={detail.cut.outputs} find={find} />}
      {!detail.has.length && <p class="s i3">{trace.ends[i] === null ? 'Nothing has come in or out yet.' : 'Neither its input nor its output was recorded.'}</p>}
      {facts.length > 0 && <div class="kv">{facts.map(([key, value], n) => <><span key={`${key}${n}`}>{key}</span><span title={typeof value === 'string' ? value : undefined}>{typeof value === 'string' ? <Marked text={value} find={find} /> : value}</span></>)}</div>}
      {documents.map(([key, value]) => <><h3 key={key}>{key}</h3><Value value={value} find={find} /></>)}
      {Object.keys(others).length > 0 && <><h3>beside the messages</h3><JsonTree value={others} find={find} open={1} /></>}
    </section>
  )
}

function Part({ title, value, talk, cut, find }: { title: string; value: Json; talk: readonly Message[] | undefined; cut?: number; find: string }) {
  if (talk) return <>{talk.map((each, n) => <Said key={n} message={each} find={find} />)}</>
  return (
    <>
      <h3>{title}</h3>
      <Value value={value} find={find} />
      {cut !== undefined && <p class="more m">the first 200,000 of {count(cut)} characters</p>}
    </>
  )
}

function Said({ message, find }: { message: Message; find: string }) {
  return (
    <>
      <h3>{message.role}{message.name && `, ${message.name}`}</h3>
      {message.pieces.map((piece, n) =>
        piece.image ? <Picture key={n} src={piece.image} alt={`Sent by ${message.role}`} /> : piece.text !== undefined ? <Words key={n} text={piece.text} find={find} spoken={message.role === 'assistant' || message.role === 'user'} /> : (
          <div key={n}>{piece.name && <div class="m i2">calls {piece.name}</div>}<Value value={piece.json ?? null} find={find} /></div>
        ),
      )}
      {!message.pieces.length && <p class="m i3">nothing</p>}
    </>
  )
}

/** Text as it was said; JSON in it as what it is. */
function Words({ text, find, spoken }: { text: string; find: string; spoken: boolean }) {
  const value = parsed(text)
  if (typeof value !== 'string') return <Value value={value} find={find} />
  return <pre class={spoken ? 'said' : 'i2'}><Marked text={text} find={find} /></pre>
}

function Value({ value, find }: { value: Json; find: string }) {
  const found = parsed(value)
  const documents = foundOf(found)
  if (documents) return <>{documents.map((each, n) => <Document key={n} document={each} find={find} />)}</>
  const grid = gridOf(found)
  if (grid)
    return (
      <table class="grid">
        <thead><tr>{grid.columns.map((name, n) => <th key={name} class={grid.numeric[n] ? 'r' : ''}><Marked text={name} find={find} /></th>)}</tr></thead>
        <tbody>{grid.rows.map((row, n) => <tr key={n}>{row.map((cell, m) => <td key={m} class={grid.numeric[m] ? 'r' : ''}><Marked text={cell} find={find} /></td>)}</tr>)}</tbody>
      </table>
    )
  if (typeof found === 'object' && found !== null) return <JsonTree value={found} find={find} />
  return <pre><Marked text={String(found)} find={find} /></pre>
}

/** What was found, and where: its words first, as they are what a model reads. */
function Document({ document, find }: { document: Found; find: string }) {
  return (
    <div class="doc">
      <pre class="said"><Marked text={document.text} find={find} /></pre>
      {document.facts.length > 0 && <div class="m i3">{document.facts.map(([key, value]) => <span key={key}>{key} <Marked text={value} find={find} /></span>)}</div>}
    </div>
  )
}

function Events({ detail, find }: { detail: Detail; find: string }) {
  if (!detail.events.length) return <p class="s i3 more none">Nothing happened during this span.</p>
  return (
    <section>
      {detail.events.map((event, n) => (
        <div key={n} class="event">
          <div><span class={event.name === 'exception' ? 'bad' : ''}><Marked text={event.name} find={find} /></span><span class="x" /><span class="i3">after {took(event.at)}</span></div>
          {typeof event.attributes['exception.stacktrace'] === 'string' ? <pre class="i2"><Marked text={event.attributes['exception.stacktrace']} find={find} /></pre> : Object.keys(event.attributes).length > 0 && <JsonTree value={event.attributes} find={find} open={1} />}
        </div>
      ))}
      {detail.events_total > detail.events.length && <p class="more m">the first {count(detail.events.length)} of {plural(detail.events_total, 'event')}</p>}
    </section>
  )
}

function Score({ item, find, change, remove }: { item: Assessment; find: string; change?: () => void; remove?: () => void }) {
  return (
    <div class={`score ${item.valid ? '' : 'off'}`}>
      <div><span class="w5"><Marked text={item.name} find={find} /></span><span>{item.error ? <span class="bad">{item.error}</span> : valueText(item.value)}</span><span class="x" />{item.kind !== 'feedback' && <span class="i3">{item.kind}</span>}<span class="i3 cut" title={item.source_type}>{item.source || item.source_type.toLowerCase().replace('_', ' ')}</span><span class="i3"><Age at={item.time} /></span></div>
      {item.rationale && <p class="s"><Marked text={item.rationale} find={find} /></p>}
      {(change || remove) && <div class="do s">{change && <button class="link" onClick={change} aria-label={`Change ${item.name}`}>change</button>}{remove && <button class="link" onClick={remove} aria-label={`Delete ${item.name}`}>delete</button>}</div>}
    </div>
  )
}

const valueText = (value: Json): string => (typeof value === 'number' ? String(+value.toPrecision(4)) : typedOf(value))

function OfTrace({ title, values, find }: { title: string; values: Record<string, string>; find: string }) {
  const parts = Object.entries(values).map(([key, value]): [string, Json] => [key, parsed(value)])
  return parts.length ? <><h3>{title}</h3><JsonTree value={Object.fromEntries(parts)} find={find} open={1} /></> : null
}

function Cut({ cut }: { cut: Record<string, number> }) {
  const names = Object.entries(cut).filter(([name]) => name.startsWith('attributes.'))
  return <>{names.map(([name, length]) => <p key={name} class="more m">{name.slice(11)}: the first 200,000 of {count(length)} characters</p>)}</>
}

function promptsOf(detail: Detail): { name: string; version: string }[] {
  const found = detail.attributes['mlflow.linkedPrompts']
  if (!Array.isArray(found)) return []
  return found.flatMap((each) => (typeof each === 'object' && each !== null && !Array.isArray(each) && each.name !== undefined && each.version !== undefined ? [{ name: String(each.name), version: String(each.version) }] : []))
}
