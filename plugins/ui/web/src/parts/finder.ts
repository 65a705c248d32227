/** Experiments, models and runs by a part of their names, for the palette of every page. */
import { get, post } from '../core/api'
import type { Item } from '../core/palette'
import { hasRoute, navigate } from '../core/router'

const REST_MS = 120
const FRESH_MS = 30_000
const MOST = 8
const MOST_EXPERIMENTS = 1000

interface Named {
  experiment_id: string
  name: string
}

let known: { at: number; all: Promise<Named[]> } | undefined

/** All experiments, asked for once while somebody types. */
function experiments(): Promise<Named[]> {
  if (known && Date.now() - known.at < FRESH_MS) return known.all
  const all = post<{ experiments?: Named[] }>('/api/2.0/mlflow/experiments/search', { max_results: MOST_EXPERIMENTS }).then((answer) => answer.experiments ?? [])
  known = { at: Date.now(), all }
  all.catch(() => (known = undefined))
  return all
}

export async function finder(text: string, abort: AbortSignal): Promise<Item[]> {
  const words = text.trim().replace(/[<>=!~'"`()]/g, ' ')
  // Who types on is not interested in what the first letters find.
  await new Promise((done) => setTimeout(done, REST_MS))
  if (abort.aborted || !words.trim()) return []
  const found = await Promise.allSettled([ofExperiments(words), hasRoute('/models') ? ofModels(words) : [], ofRuns(words)])
  return found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
}

async function ofExperiments(words: string): Promise<Item[]> {
  const sought = words.toLowerCase()
  const found = (await experiments()).filter((each) => each.name.toLowerCase().includes(sought)).slice(0, MOST)
  return found.map((each) => ({ title: each.name, kind: 'experiment', run: () => navigate(`/experiments/${each.experiment_id}`) }))
}

async function ofModels(words: string): Promise<Item[]> {
  const { models } = await get<{ models: { model: { name: string } }[] }>('registry/models', { words })
  return models.slice(0, MOST).map(({ model }) => ({ title: model.name, kind: 'model', run: () => navigate(`/models/${encodeURIComponent(model.name)}`) }))
}

async function ofRuns(words: string): Promise<Item[]> {
  const ids = (await experiments()).map((each) => each.experiment_id)
  if (!ids.length) return []
  const found = await get<{ ids: string[]; names: string[] }>('runs/table', { experiment_ids: ids, q: words, cols: ['attributes.start_time'], limit: MOST })
  return found.ids.map((id, i) => ({ title: found.names[i] || id, kind: 'run', run: () => navigate(`/runs/${id}`) }))
}
