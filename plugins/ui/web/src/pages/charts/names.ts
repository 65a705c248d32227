/** Which metrics there are charts of. */

const MOST = 5000

export const namesQuery = (experiments: readonly string[]) => ({ experiment_ids: [...experiments], kind: 'metrics', limit: MOST })
