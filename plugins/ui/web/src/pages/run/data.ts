/** What the server tells of a run, and what a page makes of it. */
import type { Num } from '../../core/api'

export interface MetricTold {
  last: Num
  step: number
  time: number
  direction: 'max' | 'min' | 'none'
  points?: number
  best?: number | null
  best_step?: number | null
  spark?: Num[]
}

export interface Dataset {
  name: string
  digest: string
  source_type: string
  source: string
  schema: string | null
  profile: string | null
  context: string | null
}

export interface LoggedModel {
  model_id: string
  name: string
  status: string
  type: string
  created: number
  role: 'input' | 'output'
  step: number | null
}

export interface Version {
  name: string
  version: string
  aliases: string[]
  stage: string
  created: number
}

export interface NewFile {
  path: string
  is_dir: boolean
  files: number
  size: number
  modified: number
}

export interface Shelf {
  count: number
  bytes: number
  cut: boolean
  newest: NewFile[]
  models: string[]
  output: { path: string; size: number; modified: number } | null
}

export interface Overview {
  info: {
    run_id: string
    name: string
    experiment_id: string
    experiment: string
    status: string
    start_time: number
    end_time: number | null
    user: string
    deleted: boolean
    artifact_uri: string
  }
  headline: string | null
  metrics: Record<string, MetricTold>
  params: Record<string, string>
  tags: Record<string, string>
  progress: { step: number; total: number } | null
  parent: { run_id: string; name: string | null; status: string | null } | null
  children: number
  datasets: Dataset[]
  models: LoggedModel[]
  versions: Version[]
  artifacts: { files: { path: string; is_dir: boolean; size: number | null }[]; total: number; error: string | null; all: Shelf | null }
  compare: { run_id: string; name: string; status: string; metric: string; metrics: Record<string, Num>; params: Record<string, string> } | null
}

export const NOTE = 'mlflow.note.content'
export const isSystem = (key: string): boolean => key.startsWith('system/')
export const isLive = (status: string): boolean => status === 'RUNNING' || status === 'SCHEDULED'

const HEADLINES = 4

/**
 * Which metrics stand at the top, in what order: the headline, then those that say what is good
 * before those that do not, curves before single numbers, results before what lies below a path.
 */
export function ranked(run: Overview): string[] {
  const rank = (key: string): number[] => {
    const metric = run.metrics[key]!
    return [key === run.headline ? 0 : 1, metric.direction === 'none' ? 1 : 0, metric.points === 1 ? 1 : 0, key.split('/').length]
  }
  return Object.keys(run.metrics)
    .filter((key) => !isSystem(key))
    .map((key) => ({ key, rank: rank(key) }))
    .sort((a, b) => {
      for (let i = 0; i < a.rank.length; i++) if (a.rank[i] !== b.rank[i]) return a.rank[i]! - b.rank[i]!
      return a.key.localeCompare(b.key)
    })
    .map(({ key }) => key)
}

export const headlines = (run: Overview): string[] => ranked(run).slice(0, HEADLINES)

/** Whether a metric has a course that a chart can show. */
export const hasCourse = (metric: MetricTold): boolean => (metric.points ?? 2) > 1

/** How a value stands to the one before: 1 better, -1 worse, 0 as good or nobody knows. */
export function judged(direction: MetricTold['direction'], value: number, before: number): -1 | 0 | 1 {
  const delta = value - before
  if (!delta || !Number.isFinite(delta) || direction === 'none') return 0
  return delta > 0 === (direction === 'max') ? 1 : -1
}

/** How much longer a run takes (ms), as fast as it was so far; null if that cannot be told. */
export function timeLeft(run: Overview, now: number): number | null {
  const top = run.headline === null ? undefined : run.metrics[run.headline]
  if (!run.progress || !top || !isLive(run.info.status)) return null
  const { step, total } = run.progress
  const took = top.time - run.info.start_time
  if (step <= 0 || took <= 0) return null
  const left = (took / step) * (total - step) - Math.max(0, now - top.time)
  // It is slower than it was: nobody knows.
  return left > 0 ? left : null
}

/** When the run was last heard: the time of its newest point. */
export function lastPoint(run: Overview): number {
  let last = 0
  for (const metric of Object.values(run.metrics)) last = Math.max(last, metric.time)
  return last
}

/** After so long without a sign a client is taken to be gone; a step may take some minutes. */
export const SILENT_MS = 600_000

/** Whether a run stays open though nobody ends it any more. */
export const isLeft = (run: Overview, now: number): boolean =>
  run.info.status === 'LOST' || (isLive(run.info.status) && now - Math.max(lastPoint(run), run.info.start_time) > SILENT_MS)

export interface ParamRow {
  key: string
  value: string
  /** What the reference run has, where it differs; null: it has none. */
  was?: string | null
}

/** Parameters, those that differ from the reference run first. */
export function paramRows(run: Overview): ParamRow[] {
  const before = run.compare?.params
  const rows = Object.entries(run.params).map(([key, value]): ParamRow => {
    const was = before?.[key]
    return before && was !== value ? { key, value, was: was ?? null } : { key, value }
  })
  return rows.sort((a, b) => Number(b.was !== undefined) - Number(a.was !== undefined) || a.key.localeCompare(b.key))
}

/** Tags that people gave: what MLflow and pegboard note for themselves is shown elsewhere. */
/** Whether there are rows of an evaluation to look at. */
export const isEvaluated = ({ tags, artifacts }: Pick<Overview, 'tags' | 'artifacts'>): boolean =>
  tags['mlflow.runType'] === 'genai_evaluate' || artifacts.files.some(({ path }) => path === 'evaluation' || path.endsWith('eval_results_table.json'))

/** Whether a recipe made the run, and says in a file how. */
export const hasRecipe = ({ artifacts }: Pick<Overview, 'artifacts'>): boolean => artifacts.files.some(({ path }) => path === 'recipe.json')

/** What the page of projects shows of a run: 'workflow', or the 'log' of a single one; '' for others. Files come without a word of the server. */
export function projectKind({ info, tags, artifacts }: Pick<Overview, 'info' | 'tags' | 'artifacts'>): 'workflow' | 'log' | '' {
  if (tags['mlflow.source.type'] === 'WORKFLOW') return 'workflow'
  const begins = isLive(info.status) && tags['mlflow.project.entryPoint'] !== undefined
  return begins || artifacts.files.some(({ path, is_dir }) => is_dir && path === 'project') ? 'log' : ''
}

export const ownTags = (tags: Record<string, string>): [string, string][] =>
  Object.entries(tags).filter(([key]) => !key.startsWith('mlflow.') && !key.startsWith('pegboard.')).sort(([a], [b]) => a.localeCompare(b))

export interface Code {
  commit: string
  branch: string
  remote: string
  dirty: boolean
  entry: string
  type: string
  command: string
}

export function codeOf(tags: Record<string, string>): Code {
  const of = (key: string) => tags[key] ?? ''
  return {
    commit: of('mlflow.source.git.commit'), branch: of('mlflow.source.git.branch'), remote: of('mlflow.source.git.repoURL'),
    dirty: of('mlflow.source.git.dirty') === 'true', entry: of('mlflow.source.name') || of('pegboard.source.notebook'),
    type: of('mlflow.source.type'), command: of('pegboard.source.command'),
  }
}

/** The page of a commit at the places that have one; '' elsewhere. */
export function commitLink(remote: string, commit: string): string {
  const found = /^(?:https?:\/\/|ssh:\/\/git@|git@)([\w.-]*(?:github|gitlab|codeberg|bitbucket)[\w.-]*)(?::\d+)?[:/](.+?)(?:\.git)?\/?$/.exec(remote)
  if (!found || !/^[0-9a-f]{7,64}$/.test(commit)) return ''
  const kind = found[1]!.includes('gitlab') ? '-/commit' : found[1]!.includes('bitbucket') ? 'commits' : 'commit'
  return `https://${found[1]}/${found[2]}/${kind}/${commit}`
}

export type Matcher = (key: string) => boolean

/** Names by words or, between slashes, by a regular expression; undefined: it is not a good one. */
export function matcher(text: string): Matcher | undefined {
  const slashed = /^\/(.*?)\/?$/.exec(text)
  if (slashed) {
    try {
      const pattern = new RegExp(slashed[1]!, 'i')
      return (key) => pattern.test(key)
    } catch {
      return undefined
    }
  }
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return (key) => words.every((word) => key.toLowerCase().includes(word))
}
