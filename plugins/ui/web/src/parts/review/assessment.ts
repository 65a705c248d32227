/** What somebody or something said of a trace, as `traces/overview` tells it. */
import type { Json } from '../json'

export interface Assessment {
  id: string
  name: string
  kind: 'feedback' | 'expectation' | 'issue'
  value: Json
  source_type: string
  source: string
  error: string | null
  rationale: string | null
  span_id: string | null
  time: number
  valid: boolean
}
