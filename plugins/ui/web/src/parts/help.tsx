/** `?`: all keys that work here, those that need something first, and the main ones of other pages. */
import { useEffect, useState } from 'preact/hooks'
import { type Listed, listed, shown, shownAll } from '../core/keylist'
import { groups, helpIsOpen } from '../core/keys'
import { Dialog } from './dialog'

export function Help() {
  return helpIsOpen.value ? <Open /> : null
}

type Section = readonly [string, readonly Listed[]]

function Open() {
  const [here] = useState(() => [...listed(groups.peek())])
  const [elsewhere, setElsewhere] = useState<readonly Section[]>([])
  // Loaded when it is looked at: no page needs the keys of others.
  useEffect(() => void import('./elsewhere').then((module) => setElsewhere(module.elsewhere(new Set(here.map(([name]) => name)))), () => undefined), [])
  return (
    <Dialog label="Keys" close={() => (helpIsOpen.value = false)} className="wide">
      <div class="top"><h2>Keys</h2><span class="s i3"><kbd>{shown('Mod+K')}</kbd> finds all of it by name</span><span class="x" /><button class="btn flat" onClick={() => (helpIsOpen.value = false)}>close<kbd>esc</kbd></button></div>
      <Sections of={here} />
      {elsewhere.length > 0 && <><h2 class="keys-other">On other pages</h2><Sections of={elsewhere} /></>}
    </Dialog>
  )
}

const Sections = ({ of }: { of: readonly Section[] }) => (
  <div class="keys">
    {of.map(([name, rows]) => (
      <section key={name}>
        <h3>{name}</h3>
        <dl>
          {rows.map(({ does, combinations, needs }) => [
            <dt key={`${does} t`} class={needs ? 'lacks' : ''}>{shownAll(combinations).map((each) => <kbd key={each}>{each}</kbd>)}</dt>,
            <dd key={does} class={needs ? 'i3' : ''}>{does}{needs && <span class="i3">, needs {needs}</span>}</dd>,
          ])}
        </dl>
      </section>
    ))}
  </div>
)
