/** Which models are asked, and how: kept in the address, one item a column. All of it is pure. */
import type { Config } from '../../parts/prompt/template'

export interface Column {
  endpoint: string
  /** As it is typed; '' leaves it to the model. */
  temperature: string
  tokens: string
  /** Texts that end the answer, a line each. */
  stop: string
}

export const MOST_COLUMNS = 4
/** What an answer may have if the prompt does not say: gateways with a budget set money aside for all that it may become. */
export const USUAL_TOKENS = '1024'

/** 'name?t=0.2&max=512&stop=END'; a name holds no question mark. */
export function columnOf(text: string): Column {
  const [endpoint = '', rest] = text.split('?')
  const asked = new URLSearchParams(rest)
  return { endpoint, temperature: asked.get('t') ?? '', tokens: asked.get('max') ?? '', stop: asked.get('stop') ?? '' }
}

export function columnText({ endpoint, temperature, tokens, stop }: Column): string {
  const asked = new URLSearchParams(Object.entries({ t: temperature, max: tokens, stop }).filter(([, value]) => value))
  return `${endpoint}${asked.size ? `?${asked}` : ''}`
}

/** What the gateway is asked for, under its names; or what is wrong with it. */
export function parametersOf({ temperature, tokens, stop }: Column): { parameters: Record<string, unknown>; wrong: string } {
  const parameters: Record<string, unknown> = {}
  const heat = Number(temperature)
  const most = Number(tokens)
  if (temperature.trim() && !(heat >= 0 && heat <= 2)) return { parameters, wrong: `The temperature is ${temperature}, not a number from 0 to 2.` }
  if (tokens.trim() && !(Number.isInteger(most) && most > 0)) return { parameters, wrong: `The most tokens are ${tokens}, not a whole number above 0.` }
  if (temperature.trim()) parameters.temperature = heat
  if (tokens.trim()) parameters.max_tokens = most
  const ends = stop.split('\n').filter(Boolean)
  if (ends.length > 4) return { parameters, wrong: `There are ${ends.length} texts that end the answer; gateways take 4.` }
  if (ends.length) parameters.stop = ends
  return { parameters, wrong: '' }
}

/** In few words: 't 0.2 · 512 max'. */
export const brief = ({ temperature, tokens, stop }: Column): string =>
  [temperature && `t ${temperature}`, tokens && `${tokens} max`, stop && 'stop'].filter(Boolean).join(' · ') || 'as the model has it'

/** The column that a prompt's config asks for. */
export const columnOfConfig = (config: Config, names: readonly string[]): Column => ({
  endpoint: names.find((name) => name === config.model_name) ?? names[0] ?? '',
  temperature: typeof config.temperature === 'number' ? String(config.temperature) : '',
  tokens: typeof config.max_tokens === 'number' ? String(config.max_tokens) : USUAL_TOKENS,
  stop: Array.isArray(config.stop_sequences) ? config.stop_sequences.join('\n') : '',
})

/** The config of a prompt that was tried so: what it had, with what this column says. */
export function configOfColumn(before: Config, column: Column): Config {
  const { parameters } = parametersOf(column)
  const { model_name: _, temperature: _t, max_tokens: _m, stop_sequences: _s, ...rest } = before
  const { temperature, max_tokens, stop } = parameters as { temperature?: number; max_tokens?: number; stop?: string[] }
  return { ...rest, model_name: column.endpoint, ...(temperature !== undefined && { temperature }), ...(max_tokens !== undefined && { max_tokens }), ...(stop && { stop_sequences: stop }) }
}
