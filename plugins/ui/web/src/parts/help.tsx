/** `?`: all keys that work here. */
import { useState } from 'preact/hooks'
import { groups, helpIsOpen, shown } from '../core/keys'
import { Dialog } from './dialog'

export function Help() {
  return helpIsOpen.value ? <Open /> : null
}

function Open() {
  const [listed] = useState(() => [...groups.peek()].reverse())
  return (
    <Dialog label="Keys" close={() => (helpIsOpen.value = false)}>
      <div class="top"><h2>Keys</h2><span class="x" /><kbd>esc</kbd></div>
      <div class="keys">
        {listed.filter((group) => Object.keys(group.keys).length).map((group) => (
          <section key={group.name}>
            <h3>{group.name}</h3>
            <dl>
              {Object.entries(group.keys).map(([combination, key]) => key && [
                <dt key={`${combination} t`}><kbd>{shown(combination)}</kbd></dt>,
                <dd key={combination}>{key.does}</dd>,
              ])}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
