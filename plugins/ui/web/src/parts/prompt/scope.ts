/** What is asked of the server about prompts, and where they are. */
import { asSearch } from '../../core/router'

/** How many versions come with a prompt: their texts come with them. */
const VERSIONS = 25

export const promptQuery = (name: string, page = '') => ({ name, limit: VERSIONS, page_token: page })

export const promptPath = (name: string): string => `/prompts/${encodeURIComponent(name)}`
export const playPath = (name: string, version = ''): string => `/playground${asSearch({ prompt: name, ...(version && { version }) })}`
