/** Versions of models that are compared by their runs, in the address as models=NAME/3,NAME/4. */
import { asList, listParam } from '../../core/router'

/** 'NAME/3' by run. */
export const versionsOf = (): Map<string, string> => {
  const models = listParam('models')
  return new Map(listParam('runs').flatMap((run, i) => (models[i]?.includes('/') ? [[run, models[i]!]] : [])))
}

/** The same for other runs, in their order; null if there are none. */
export function versionsFor(runs: readonly string[]): string | null {
  const known = versionsOf()
  return runs.some((run) => known.has(run)) ? asList(runs.map((run) => known.get(run) ?? '-')) : null
}
