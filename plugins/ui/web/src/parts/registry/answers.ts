/** What the server tells of the registry. */
import type { Num } from '../../core/api'

export interface Pair {
  key: string
  value: string
}

export interface Version {
  name: string
  version: string
  creation_timestamp: number
  last_updated_timestamp: number
  user_id?: string
  current_stage: string
  description: string
  source: string
  run_id: string
  run_link: string
  status: string
  status_message?: string
  tags?: Pair[]
  aliases?: string[]
  model_id?: string
}

export interface Model {
  name: string
  creation_timestamp: number
  last_updated_timestamp: number
  description?: string
  latest_versions?: Version[]
  tags?: Pair[]
  aliases?: { alias: string; version: string }[]
}

export type ChangeKind = 'version' | 'alias' | 'stage' | 'approval' | 'name'

export interface Change {
  number: number
  timestamp: number
  name: string
  kind: ChangeKind
  version?: string
  key?: string
  before?: string
  after?: string
  user?: string
  reason?: string
  undoes?: number
}

export interface Run {
  run_id: string
  name: string
  status: string
  experiment_id: string
  user: string
  start_time: number
  end_time: number | null
  deleted: boolean
  metrics: Record<string, Num>
  data: { name: string; digest: string; context: string; source_type: string }[]
  code: Record<string, string>
}

export type Runs = Record<string, Run>

export interface Rules {
  stages: string[]
  gates: Record<string, string[]>
  approvals_needed: number
}

export interface ModelsAnswer {
  models: { model: Model; newest: Version | null; aliased: Version[]; moves: Change[] }[]
  runs: Runs
  next_page_token: string
}

export interface ModelAnswer extends Rules {
  model: Model
  versions: Version[]
  next_page_token: string
  aliased: Version[]
  runs: Runs
  changes: Change[]
  more_changes: boolean
}

export interface Logged {
  model_id: string
  name: string
  type: string
  run_id: string
  params: Record<string, string>
  metrics: Record<string, Num>
}

export interface VersionAnswer extends Rules {
  version: Version
  run: Run | null
  logged_model: Logged | null
  copies: Version[]
  same_model: Version[]
  users: { run_id: string; name: string; status: string }[]
  changes: Change[]
}

export interface Check {
  before: string | null
  gates: { name: string; passed: boolean; explanation: string }[]
  approvals: Change[]
}
