/** The filters of runs that are nested in others. */

const PARENT = 'tags.`mlflow.parentRunId`'

/** The filter of the runs below one, and of what else is asked. */
export const below = (id: string, q = ''): string => `${PARENT} = '${id}'${q ? ` and ${q}` : ''}`

/** The filter of the runs below several. */
export const belowAny = (ids: readonly string[]): string => `${PARENT} IN (${ids.map((id) => `'${id}'`).join(', ')})`
