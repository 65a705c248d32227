/** The versions of a prompt, the newest first: what is new in each, where it is in use, how well it does. */
import type { Version } from '../../parts/registry/answers'
import { Alias, Day } from '../../parts/registry/bits'
import { firstLine } from '../../parts/registry/figures'
import { valueOf } from './figures'
import type { Shown } from './prompt'

export function Versions({ rows, prompt, chosen, choose }: { rows: readonly Version[]; prompt: Shown; chosen: string; choose: (version: string) => void }) {
  const { aliases, figures, uses } = prompt
  return (
    <table class="pr-versions" role="grid" aria-label="Versions">
      <colgroup><col class="w-v" /><col class="w-note" /><col class="w-alias" />{figures.map((figure, i) => <col key={figure.key} class={`w-n n${i}`} />)}<col class="w-who" /><col class="w-day" /></colgroup>
      <thead><tr><th>v</th><th class="c-note">what is new</th><th>alias</th>{figures.map((figure, i) => <th key={figure.key} class={`r c-n n${i}`} title={`${figure.key}, mean of what used it`}>{figure.key}</th>)}<th class="c-who">by</th><th class="r">made</th></tr></thead>
      <tbody>
        {rows.map((version) => {
          const on = version.version === chosen
          return (
            <tr key={version.version} aria-selected={on} class={on ? 'at' : ''} onClick={(event) => { if (!(event.target as Element).closest('button')) choose(on ? '' : version.version) }}>
              <td class="w5"><button onClick={() => choose(on ? '' : version.version)}>v{version.version}</button></td>
              <td class="s c-note" title={version.description}>{firstLine(version.description) || <span class="i3">–</span>}</td>
              <td>{aliases.filter(([, held]) => held === version.version).map(([alias]) => <Alias key={alias} name={alias} />)}</td>
              {figures.map((figure, i) => <td key={figure.key} class={`r c-n n${i}`}>{valueOf(figure, figure.of(uses.data?.versions[version.version]))}</td>)}
              <td class="i2 c-who">{version.user_id || '–'}</td>
              <td class="r i2"><Day at={version.creation_timestamp} /></td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
