/** Where a version comes from and where it goes, from left to right: data, run, version, addresses. */
import type { ComponentChildren } from 'preact'
import { href } from '../../core/root'
import { Peg } from '../../parts/peg'
import type { Run, Version } from '../../parts/registry/answers'
import { modelPath, versionPath } from '../../parts/registry/bits'

export interface LineageProps {
  data: Run['data']
  run: Run | undefined
  version: Version
  aliases: readonly string[]
  logged?: { model_id: string; name: string } | null
  copies?: readonly Version[]
  users?: readonly { run_id: string; name: string; status: string }[]
  /** Only what fits a narrow place. */
  compact?: boolean
}

export function Lineage({ data, run, version, aliases, logged, copies = [], users = [], compact = false }: LineageProps) {
  const source = /^models:\/([^/@]+)\/(\d+)$/.exec(version.source)
  return (
    <ol class="mod-lineage" aria-label="Lineage">
      {data.length > 0 && <Step>{data.map((each) => <Node key={each.name + each.digest} kind={each.context ? `data, ${each.context}` : 'data'}>{each.name}{!compact && <span class="i3">@{each.digest.slice(0, 8)}</span>}</Node>)}</Step>}
      {run && <Step><Node kind="run"><a href={href(`/runs/${run.run_id}`)}><Peg run={run.run_id} status={run.status} /> {run.name}</a></Node>{run.code.commit && !compact && <Node kind={run.code.dirty?.toLowerCase() === 'true' ? 'commit, edited' : 'commit'}>{run.code.commit.slice(0, 10)}</Node>}</Step>}
      {logged && <Step><Node kind="logged model"><a href={href(`/logged-models/${logged.model_id}`)}>{logged.name}</a></Node></Step>}
      {source && <Step><Node kind="copied from"><a href={href(versionPath(source[1]!, source[2]!))}>{source[1]} v{source[2]}</a></Node></Step>}
      <Step on><Node kind="version">{!compact && `${version.name} `}v{version.version}</Node></Step>
      {(aliases.length > 0 || copies.length > 0 || users.length > 0) && (
        <Step>
          {aliases.map((alias) => <Node key={alias} kind="address"><a href={href(modelPath(version.name))}>@{alias}</a></Node>)}
          {copies.map((each) => <Node key={each.name + each.version} kind="copied to"><a href={href(versionPath(each.name, each.version))}>{each.name} v{each.version}</a></Node>)}
          {users.map((each) => <Node key={each.run_id} kind="used by"><a href={href(`/runs/${each.run_id}`)}>{each.name}</a></Node>)}
        </Step>
      )}
    </ol>
  )
}

function Step({ children, on }: { children: ComponentChildren; on?: boolean }) {
  return <li class={on ? 'on' : ''}>{children}</li>
}

function Node({ kind, children }: { kind: string; children: ComponentChildren }) {
  return <div class="node"><span class="t">{children}</span><span class="k">{kind}</span></div>
}
