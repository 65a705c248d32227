/** What names of logged files say: pictures of steps, and tables. */

export interface Files {
  files?: { path: string; is_dir?: boolean }[]
}

// MLflow's names: images/KEY+step+STEP+timestamp+TIME+ID.png, in older versions with % in place of +.
const IMAGE = /^images\/(.+?)([+%])step\2(-?\d+)\2timestamp\2(\d+)\2(.+)\.(?:png|webp|jpe?g|gif|avif)$/s

/** The pictures of a folder: by key and step the path; of several of a step the last one, small ones first. */
export function imagesOf({ files = [] }: Files): Map<string, Map<number, string>> {
  const found = new Map<string, Map<number, { path: string; time: number; small: boolean }>>()
  for (const { path, is_dir } of files) {
    const match = is_dir ? null : IMAGE.exec(path)
    if (!match) continue
    const [, key, , step, time, id] = match
    const name = key!.replace(/[~#]/g, '/')
    const steps = found.get(name) ?? found.set(name, new Map()).get(name)!
    const next = { path, time: Number(time), small: id!.endsWith('compressed') }
    const before = steps.get(Number(step))
    if (!before || next.time > before.time || (next.time === before.time && next.small)) steps.set(Number(step), next)
  }
  return new Map([...found].map(([key, steps]) => [key, new Map([...steps].map(([step, { path }]) => [step, path]))]))
}

/** The picture of a step, or of the last step before it. */
export function latest(files: ReadonlyMap<number, string>, step: number): [number, string] | undefined {
  let best: [number, string] | undefined
  for (const [at, path] of files) if (at <= step && (!best || at > best[0])) best = [at, path]
  return best
}

/** Paths of tables in the tag mlflow.loggedArtifacts. */
export function tablesOf(tag: string | null): string[] {
  if (!tag) return []
  try {
    const found = JSON.parse(tag) as { path?: unknown; type?: unknown }[]
    return Array.isArray(found) ? found.flatMap(({ path, type }) => (type === 'table' && typeof path === 'string' ? [path] : [])) : []
  } catch {
    return []
  }
}
