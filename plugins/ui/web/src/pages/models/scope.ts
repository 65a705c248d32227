/** What of the address says which models and versions are looked at. */
import { param } from '../../core/router'

/** Words find names; what has an operator is a filter. */
const asked = (q: string): { words?: string; filter?: string } => (/[=<>]|\b(i?like|in|is)\b.*['"(]/i.test(q) ? { filter: q } : { words: q })

export const modelsQuery = () => ({ ...asked(param('q')), page_token: param('page') })
export const modelQuery = (name: string) => ({ name, page_token: param('page') })
