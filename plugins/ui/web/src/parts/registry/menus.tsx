/** Where a version can go: to aliases there are, to a new one, to a stage. */
import { useRef, useState } from 'preact/hooks'
import { Ask } from '../ask'
import { Float, MenuItem } from '../menu'
import type { Rules, Version } from './answers'
import { gatesOf } from './figures'

export interface AliasMenuProps {
  at: Element
  version: Version
  aliases: readonly (readonly [string, string])[]
  rules: Rules
  /** An alias, or 'stage:NAME'. */
  move: (to: string) => void
  close: () => void
}

export default function AliasMenu({ at, version, aliases, rules, move, close }: AliasMenuProps) {
  const [asking, setAsking] = useState(false)
  // The menu closes as the dialog opens, which is no reason to close both.
  const goesOn = useRef(false)
  if (asking) return <Ask title={`A new alias of v${version.version}`} button="Go on" fields={[{ name: 'alias', label: 'Alias', placeholder: 'champion' }]} does={({ alias }) => move(alias!.trim())} close={close} />
  const go = (to: string) => () => { close(); move(to) }
  const gated = (key: string) => (gatesOf(rules, key).length ? 'gated' : undefined)
  return (
    <Float at={at} close={() => { if (!goesOn.current) close() }} label={`Move to v${version.version}`}>
      <div class="h" role="presentation">alias</div>
      {aliases.filter(([, held]) => held !== version.version).map(([alias, held]) => <MenuItem key={alias} does={go(alias)} detail={<>{gated(alias)} from v{held}</>}>{alias}</MenuItem>)}
      <MenuItem does={() => { goesOn.current = true; setAsking(true) }}>new alias…</MenuItem>
      {rules.stages.length > 0 && <div class="h" role="presentation">stage</div>}
      {rules.stages.filter((stage) => stage !== version.current_stage).map((stage) => <MenuItem key={stage} does={go(`stage:${stage}`)} detail={gated(stage)}>{stage}</MenuItem>)}
    </Float>
  )
}
