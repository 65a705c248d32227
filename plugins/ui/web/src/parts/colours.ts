/** Colours that somebody chose for runs hold on all pages of an experiment. */
import { useEffect } from 'preact/hooks'
import { overrides } from '../core/pegs'
import { useResource } from '../core/resource'

export function useColours(experiment: string): void {
  const found = useResource<{ colours: Record<string, number> }>(experiment ? 'views' : null, { experiment_id: experiment })
  useEffect(() => { if (found.data) overrides.value = found.data.colours }, [found.data])
}
