/** Which scorers score the answers, and whom judges ask. */
import { useResource } from '../../core/resource'
import { Float } from '../../parts/menu'
import { keyOf, type Scorer } from './scores'

export interface ScorersProps {
  at: Element
  all: readonly Scorer[] | undefined
  trouble: string
  chosen: readonly string[]
  choose: (keys: readonly string[]) => void
  endpoints: readonly string[]
  judge: string
  setJudge: (endpoint: string) => void
  guidelines: string
  write: (guidelines: string) => void
  close: () => void
}

export default function Scorers({ at, all, trouble, chosen, choose, endpoints, judge, setJudge, guidelines, write, close }: ScorersProps) {
  const experiments = useResource<{ experiments?: { experiment_id: string; name: string }[] }>(all?.some((each) => each.scorer_id) ? '/api/2.0/mlflow/experiments/search' : null, { max_results: 200 })
  const homeOf = (id = '') => experiments.data?.experiments?.find((each) => each.experiment_id === id)?.name ?? `experiment ${id}`
  const toggle = (key: string) => choose(chosen.includes(key) ? chosen.filter((each) => each !== key) : [...chosen, key])
  const asksHere = all?.some((each) => chosen.includes(keyOf(each)) && each.judge)
  const groups: [string, Scorer[]][] = [
    ...[...new Set((all ?? []).filter((each) => each.scorer_id).map((each) => each.experiment_id!))].map((id): [string, Scorer[]] => [`registered in ${homeOf(id)}`, all!.filter((each) => each.experiment_id === id && each.scorer_id)]),
    ['of pegboard', (all ?? []).filter((each) => each.builtin)],
  ]
  return (
    // Anew when they are there: what is shown first takes the focus.
    <Float key={String(!all)} at={at} close={close} label="Scorers" role="dialog" className="pl-scorers">
      {trouble && <p class="bad" role="alert">{trouble}</p>}
      {!all && !trouble && <p class="i3">They are being read.</p>}
      {all && groups.map(([title, scorers]) => scorers.length > 0 && (
        <fieldset key={title}>
          <legend>{title}</legend>
          {scorers.map((each) => (
            <label key={keyOf(each)} class={each.refused ? 'i3' : ''}>
              <input type="checkbox" checked={chosen.includes(keyOf(each))} disabled={Boolean(each.refused)} onChange={() => toggle(keyOf(each))} />
              <span><span class="m">{each.name}</span> <span class="i3">{each.refused || about(each)}</span></span>
            </label>
          ))}
        </fieldset>
      ))}
      {chosen.includes(':Guidelines') && <label class="lab">Guidelines, one a line<textarea class="input" rows={3} value={guidelines} placeholder="The answer names no competitor." onInput={(event) => write(event.currentTarget.value)} /></label>}
      {asksHere && <label class="lab">Judges ask, unless they name an endpoint that is here<select class="input" value={judge} onChange={(event) => setJudge(event.currentTarget.value)}>{endpoints.map((name) => <option key={name} value={name}>{name}</option>)}</select></label>}
      <div class="do"><span class="i3">Each answer is scored as soon as it is there.</span><span class="x" /><button class="btn" onClick={close}>done<kbd>esc</kbd></button></div>
    </Float>
  )
}

const about = (scorer: Scorer): string => [
  scorer.description,
  scorer.judge ? (scorer.endpoint ? `asks ${scorer.endpoint}` : '') : 'asks no model',
  scorer.needs.length > 0 && `needs ${scorer.needs.join(' or ')} of the row`,
].filter(Boolean).map((part) => String(part).replace(/\.$/, '')).join('; ')
