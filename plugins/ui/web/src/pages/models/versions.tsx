/** The versions of a model, the newest first: run, numbers, aliases, note. */
import { columnOf, exact } from '../../core/format'
import { href } from '../../core/root'
import type { Run, Version } from '../../parts/registry/answers'
import { Alias, Day, RunLink, versionPath } from '../../parts/registry/bits'
import { firstLine, metric } from '../../parts/registry/figures'
import type { Shown } from './model'

export interface VersionsProps {
  name: string
  rows: readonly Version[]
  model: Shown
  runs: Record<string, Run>
  metrics: readonly string[]
  stages: boolean
  chosen: string
  picked: readonly string[]
  choose: (version: string) => void
  pick: (version: string) => void
}

export function Versions({ name, rows, model, metrics, stages, chosen, picked, choose, pick }: VersionsProps) {
  const formats = metrics.map((key) => columnOf(rows.map((version) => metric(model.runOf(version.version), key))))
  return (
    <table class="mod-versions" role="grid" aria-label="Versions">
      <colgroup><col class="w-v" /><col class="w-run" />{metrics.map((key, i) => <col key={key} class={`w-m m${i}`} />)}{stages && <col class="w-stage" />}<col class="w-alias" /><col class="w-note" /><col class="w-day" /></colgroup>
      <thead>
        <tr><th>v</th><th>run</th>{metrics.map((key, i) => <th key={key} class={i ? `r m${i}` : 'r ink'} title={key}>{key}</th>)}{stages && <th class="g">stage</th>}<th class="g">alias</th><th class="w-note">note</th><th class="r">made</th></tr>
      </thead>
      <tbody>
        {rows.map((version) => {
          const on = version.version === chosen
          const run = model.runOf(version.version)
          const aliases = model.aliases.filter(([, held]) => held === version.version)
          return (
            <tr key={version.version} aria-selected={on} class={`${on ? 'at' : ''} ${picked.includes(version.version) ? 'pick' : ''}`} onClick={(event) => { if ((event.target as Element).closest('a, input')) return; event.shiftKey ? pick(version.version) : choose(on ? '' : version.version) }}>
              <td class="w5"><input type="checkbox" aria-label={`Pick v${version.version}`} checked={picked.includes(version.version)} onChange={() => pick(version.version)} /><a href={href(versionPath(name, version.version))}>v{version.version}</a></td>
              <td><RunLink run={run} id={version.run_id} /></td>
              {metrics.map((key, i) => { const value = metric(run, key); return <td key={key} class={i ? `r m${i}` : 'r w5'} title={exact(value)}>{value === null ? <span class="i3">–</span> : formats[i]!(value)}</td> })}
              {stages && <td class="g i2">{version.current_stage === 'None' ? <span class="i3">–</span> : version.current_stage}</td>}
              <td class="g">{aliases.map(([alias]) => <Alias key={alias} name={alias} />)}</td>
              <td class="s i3 w-note" title={version.description}>{version.status === 'READY' ? firstLine(version.description) : <span class="bad">{version.status.toLowerCase().replace(/_/g, ' ')} {version.status_message}</span>}</td>
              <td class="r i2"><Day at={version.creation_timestamp} /></td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
