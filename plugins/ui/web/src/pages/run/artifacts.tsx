/** The files of the run, and of the models that it logged. */
import { useMemo } from 'preact/hooks'
import Browser from '../../parts/artifact/browser'
import { nameOf } from '../../parts/artifact/kinds'
import type { Root, Twig } from '../../parts/artifact/tree'
import { Failed, Nothing } from '../../parts/states'
import { Failure } from '../../core/api'
import type { Overview } from './data'

export default function Artifacts({ run, turn, register }: { run: Overview; turn: number; register?: (path?: string) => void }) {
  const id = run.info.run_id
  const made = run.models.filter((model) => model.role === 'output')
  const roots = useMemo((): Root[] => [{ owner: { run: id }, title: '' }, ...made.map((model) => ({ owner: { model: model.model_id }, title: model.step === null ? model.name : `${model.name}, step ${model.step}` }))], [id, made.map((model) => model.model_id).join()])
  if (run.artifacts.error) return <Failed what="The files could not be listed" error={new Failure(-1, '', run.artifacts.error)} still="All else of the run is shown." />
  if (!run.artifacts.total && !made.length) return <div class="dots fillup"><Nothing title="No artifacts">Files come with <span class="m">log_artifact</span>, <span class="m">log_figure</span>, <span class="m">log_image</span>, <span class="m">log_table</span> and <span class="m">log_model</span>.</Nothing></div>
  const acts = register && ((twig: Twig) => {
    const folder = twig.path.split('/').slice(0, -1).join('/')
    return nameOf(twig.path) === 'MLmodel' && twig.owner.run && folder ? <button class="btn flat" onClick={() => register(folder)}>register<kbd>m</kbd></button> : undefined
  })
  // The top of the overview tells when files came; a change of the run need not be one of its files.
  const files = useCame(`${run.artifacts.total} ${run.artifacts.all?.count} ${run.artifacts.all?.bytes}`, turn)
  return <Browser roots={roots} turn={files} acts={acts} />
}

function useCame(state: string, turn: number): number {
  return useMemo(() => turn, [state])
}
