/** A move before it is confirmed: who, when, why, what changes by it, and what the gates say. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { num } from '../../core/api'
import { columnOf, exact, signed } from '../../core/format'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { href, may } from '../../core/root'
import { asSearch } from '../../core/router'
import { clock } from '../../core/times'
import { Arrow } from '../icon'
import { now } from '../time'
import type { Check, Run, Version } from './answers'
import { approve, author, isKnown, type Move, setAuthor } from './edits'
import { gatesOf } from './figures'
import type { Rules } from './answers'

interface Row {
  column: string
  kind: string
  values: (number | string | null)[]
  delta: (number | string | null)[] | null
  better: (1 | 0 | -1 | null)[] | null
}

interface Compared {
  rows: Row[]
  headline: string | null
}

export interface MoveProps {
  kind: 'alias' | 'stage'
  name: string
  version: Version
  run: Run | undefined
  /** The version that holds the alias now. */
  held: Version | undefined
  heldRun: Run | undefined
  rules: Rules
  /** Versions that are in the stage. */
  inStage: Version[]
  /** What changes by it, where runs do not say it. */
  changes?: ComponentChildren
  /** What more there is to see of why a gate refuses. */
  told?: (gate: string) => ComponentChildren
  /** Gates are asked again when it is another. */
  anew?: string
  does: (move: Move) => void
  close: () => void
}

const METRICS = 6
const OTHERS = 4

export default function MovePanel({ kind, name, version, run, held, heldRun, rules, inStage, changes, told, anew = '', does, close }: MoveProps) {
  const [reason, setReason] = useState('')
  const [who, setWho] = useState(author())
  const [archive, setArchive] = useState(inStage.length > 0)
  const [turn, setTurn] = useState(0)
  const check = useResource<Check>('registry/check', { name: version.name, version: version.version, key: name, kind, turn: turn || anew ? `${turn} ${anew}` : undefined })
  const before = check.data ? check.data.before : kind === 'alias' ? (held?.version ?? null) : version.current_stage
  const refused = check.data?.gates.filter((gate) => !gate.passed) ?? []
  const canArchive = kind === 'stage' && inStage.length > 0 && name !== rules.stages[0] && name !== 'Archived' && rules.stages.includes('Archived')
  const goes = !refused.length
  const submit = () => {
    if (!goes) return
    if (!isKnown()) setAuthor(who.trim())
    does({ kind, key: name, version, before, reason: reason.trim(), archive: canArchive && archive ? inStage : undefined })
  }
  useKeys('Move', { Escape: { does: 'Do not move', run: close, always: true, quiet: true } })
  const to = kind === 'alias' ? `v${version.version}` : name
  const gates = gatesOf(rules, name)
  return (
    <form class="mod-move" aria-label={`Move ${name}`} onSubmit={(event) => { event.preventDefault(); submit() }}>
      <h2>{kind === 'alias' ? (held ? 'Move ' : 'Set ') : `v${version.version} to `}<span class="m">{name}</span> <span class="i3">before you confirm</span></h2>
      <div class="mv">
        <div>{kind === 'alias' ? (held ? `v${held.version}` : '–') : version.current_stage}<div class="lab m cut">{kind === 'alias' ? (heldRun?.name ?? (held ? '' : 'nobody has it')) : ''}</div></div>
        <Arrow />
        <div>{to}<div class="lab m cut">{kind === 'alias' ? run?.name : ''}</div></div>
      </div>
      {kind === 'alias' && held?.version === version.version ? <p class="i2">It points there already.</p> : kind === 'alias' && (changes ?? <Changes before={held ? heldRun : undefined} after={run} />)}
      <label class="lab">Why
        <textarea class="input s why" rows={2} value={reason} placeholder="for the history" ref={(box) => { if (box && !box.dataset.seen) { box.dataset.seen = '1'; box.focus() } }} onInput={(event) => setReason(event.currentTarget.value)}
          onKeyDown={(event) => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit() } }} />
      </label>
      {isKnown() ? <p class="lab">by <span class="m">{author()}</span>, {clock(now.value).slice(0, 5)}</p> : <label class="lab">Who <input class="input" value={who} placeholder="your name, for the history" autocomplete="name" onInput={(event) => setWho(event.currentTarget.value)} /></label>}
      {canArchive && <label class="mod-check"><input type="checkbox" checked={archive} onChange={(event) => setArchive(event.currentTarget.checked)} /> archive {inStage.map((each) => `v${each.version}`).join(', ')}, in {name} now</label>}
      {check.error && <p class="bad" role="alert">{check.error.message} {check.error.hint}</p>}
      {check.data && check.data.gates.length > 0 && <Gates check={check.data} approve={() => { if (!isKnown()) setAuthor(who.trim()); void approve(version, name, true, () => setTurn((n) => n + 1)) }} told={told} version={version} needed={rules.approvals_needed} who={isKnown() ? author() : who.trim()} />}
      {!check.data && gates.length > 0 && !check.error && <p class="i3">The gates {gates.join(', ')} are asked.</p>}
      <div class="do">
        <button class="btn main" disabled={!goes}>{kind === 'alias' && !held ? 'Set' : 'Move'} to {to}<kbd>enter</kbd></button>
        <button type="button" class="btn flat" onClick={close}>cancel<kbd>esc</kbd></button>
        <span class="x" />
        <span class="m i3">{goes ? 'undo for 10 s' : `${refused.length === 1 ? 'a gate refuses' : `${refused.length} gates refuse`}`}</span>
      </div>
    </form>
  )
}

function Gates({ check, told, approve, version, needed, who }: { check: Check; told?: (gate: string) => ComponentChildren; approve: () => void; version: Version; needed: number; who: string }) {
  const given = new Set(check.approvals.map((each) => each.user))
  return (
    <ul class="mod-gates" aria-label="Gates">
      {check.gates.map((gate) => (
        <li key={gate.name} class={gate.passed ? 'ok' : 'bad'}>
          <span class="m w5">{gate.passed ? 'passes' : 'refuses'}</span> <span class="m">{gate.name}</span>
          <p class="i2">{gate.explanation}</p>
          {!gate.passed && told?.(gate.name)}
          {gate.name === 'approval' && !gate.passed && (
            <p>{given.size ? `${given.size} of ${needed} given. ` : ''}{who && who === version.user_id ? 'You made this version, so somebody else has to approve it.' : who && given.has(who) ? 'You have approved it; somebody else has to as well.' : may('write') && <button type="button" class="btn" disabled={!who} onClick={approve}>Approve as {who || 'who?'}</button>}</p>
          )}
        </li>
      ))}
    </ul>
  )
}

/** What differs between two runs, most important first. */
function Changes({ before, after }: { before: Run | undefined; after: Run | undefined }) {
  const both = before && after && before.run_id !== after.run_id
  const found = useResource<Compared>(both ? 'runs/compare' : null, { run_ids: both ? [before.run_id, after.run_id] : [], baseline: before?.run_id, diff: true })
  if (!after) return <p class="i3">No run is known behind it, so no metric can be compared.</p>
  if (!before) return null
  if (!both) return <p class="i3">Both come from the same run.</p>
  if (!found.data) return <div class="chg" aria-busy="true" />
  const key = (row: Row) => row.column.slice(row.column.indexOf('.') + 1)
  const metrics = found.data.rows.filter((row) => row.kind === 'metrics' && !key(row).startsWith('system/')).sort((a, b) => Number(key(b) === found.data!.headline) - Number(key(a) === found.data!.headline))
  const others = found.data.rows.filter((row) => row.kind === 'params' || row.column === 'attributes.data' || row.column === 'attributes.code')
  const left = metrics.length + others.length - Math.min(METRICS, metrics.length) - Math.min(OTHERS, others.length)
  return (
    <>
      <table class="chg" aria-label="What changes">
        <tbody>
          {metrics.slice(0, METRICS).map((row) => <MetricRow key={row.column} row={row} name={key(row)} />)}
          {others.slice(0, OTHERS).map((row) => (
            <tr key={row.column}><th scope="row" title={row.column}>{key(row)}</th><td class="r i2" title={String(row.values[0] ?? '')}>{row.values[0] ?? '–'}</td><td class="a"><Arrow /></td><td class="r" title={String(row.values[1] ?? '')}>{row.values[1] ?? '–'}</td><td class="r i3">differs</td></tr>
          ))}
        </tbody>
      </table>
      {!metrics.length && !others.length && <p class="i3">No metric and no parameter differs.</p>}
      <a class="link" href={`${href('/compare')}${asSearch({ runs: `${before.run_id},${after.run_id}`, baseline: before.run_id })}`}>{left > 0 ? `${left} more differences` : 'compare the runs'}</a>
    </>
  )
}

function MetricRow({ row, name }: { row: Row; name: string }) {
  const [from, to] = row.values.map((value) => num(value as number | null))
  const format = columnOf([from, to])
  const delta = num((row.delta?.[1] ?? null) as number | null)
  const sign = row.better?.[1]
  return (
    <tr>
      <th scope="row" title={row.column}>{name}</th>
      <td class="r i2" title={exact(from)}>{format(from)}</td>
      <td class="a"><Arrow /></td>
      <td class="r" title={exact(to)}>{format(to)}</td>
      <td class={`r ${sign === 1 ? 'ok' : sign === -1 ? 'bad' : 'i3'}`} title={sign === 1 ? 'better' : sign === -1 ? 'worse' : undefined}>{delta === null ? 'differs' : signed(delta, format)}</td>
    </tr>
  )
}
