/** Images of runs beside each other; one slider moves all of them through their steps. */
import { urlOf } from '../../core/api'
import { count } from '../../core/format'
import { useKeys } from '../../core/keys'
import type { Resource } from '../../core/resource'
import { param, setQuery } from '../../core/router'
import { Peg } from '../../parts/peg'
import { Picture } from '../../parts/picture'
import { type Files, imageAt, stepsOf } from './files'
import type { Run } from './rows'

/** How many keys are shown before somebody asks for all. */
const FIRST = 3

export function Images({ runs, found, more }: { runs: Run[]; found: Resource<Files>; more: number }) {
  const files = found.data
  const keys = Object.keys(files?.images ?? {})
  const pictures = Object.keys(files?.pictures ?? {})
  const steps = [...new Set(keys.flatMap((key) => stepsOf(files!.images[key]!)))].sort((a, b) => a - b)
  const asked = param('step')
  const place = asked === '' ? steps.length - 1 : Math.max(0, steps.findLastIndex((step) => step <= Number(asked)))
  const go = (to: number) => setQuery({ step: to >= steps.length - 1 ? null : String(steps[Math.max(0, to)]) }, { replace: true })
  useKeys('Images', steps.length > 1 ? { '[': { does: 'Previous step', run: () => go(place - 1), quiet: true }, ']': { does: 'Next step', run: () => go(place + 1), quiet: true } } : {})
  const all = param('images') === 'all'
  if (found.error) return <p class="cmp-note bad">The files could not be listed: {found.error.message}</p>
  if (!files) return null
  const shown = [...keys.map((key) => ({ key, at: steps[place] })), ...pictures.map((key) => ({ key, at: undefined }))]
  const some = all ? shown : shown.slice(0, FIRST)
  const failed = Object.entries(files.errors)
  return (
    <>
      {some.map(({ key, at }, i) => (
        <div class="cmp-imgs" key={key}>
          <h2 class="m w5">{key}</h2>
          <div class="g">
            {runs.map((run) => {
              const image = at === undefined ? (files.pictures[key]!.includes(run.run_id) ? ([null, key] as const) : undefined) : imageAt(files.images[key]![run.run_id], at)
              return <Tile key={run.run_id} run={run} name={key} path={image?.[1]} step={image?.[0] ?? null} at={at} />
            })}
          </div>
          {i === 0 && steps.length > 1 && (
            <label class="slide"><span class="i3">step</span>
              <input type="range" min={0} max={steps.length - 1} value={place} aria-valuetext={`step ${steps[place]}`} onInput={(event) => go(Number(event.currentTarget.value))} />
              <span>{count(steps[place]!)}</span>
            </label>
          )}
        </div>
      ))}
      {shown.length > some.length && <p class="cmp-note"><button class="link" onClick={() => setQuery({ images: 'all' })}>{shown.length - some.length} more images</button></p>}
      {more > 0 && <p class="cmp-note">Images and texts are those of the first {runs.length} runs.</p>}
      {files.more.length > 0 && <p class="cmp-note">Some runs have more files than were looked at.</p>}
      {failed.length > 0 && <p class="cmp-note">The files of {failed.map(([id]) => runs.find((run) => run.run_id === id)?.name ?? id).join(', ')} cannot be shown: {failed[0]![1]}</p>}
    </>
  )
}

function Tile({ run, name, path, step, at }: { run: Run; name: string; path: string | undefined; step: number | null; at: number | undefined }) {
  return (
    <figure>
      {path ? <a href={urlOf('artifacts/preview', { run_id: run.run_id, path })} target="_blank" rel="noreferrer"><Picture src={urlOf('artifacts/preview', { run_id: run.run_id, path })} alt={`${name} of ${run.name}${step === null ? '' : `, step ${step}`}`} lazy /></a> : <div class="none">no image</div>}
      <figcaption><Peg run={run.run_id} status={run.status} /><span class="cut">{run.name}</span>{step !== null && step !== at && <span class="warn nw">step {count(step)}</span>}</figcaption>
    </figure>
  )
}
