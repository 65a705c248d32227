/** Empty, failed, unknown: never a blank page, never a spinner. */
import type { ComponentChildren } from 'preact'
import type { Failure } from '../core/api'
import { copy } from '../core/copy'
import { useKeys } from '../core/keys'
import { address } from '../core/root'
import { Peg } from './peg'

export interface FailedProps {
  /** What could not be done: 'The charts could not be read'. */
  what: string
  error: Failure
  /** What still works, if something does. */
  still?: string
  retry?: () => void
}

export function Failed({ what, error, still, retry }: FailedProps) {
  useKeys(what, { r: retry && { does: 'Try again', run: retry } })
  return (
    <div class="fail" role="alert">
      <h2>{what}</h2>
      <p>{error.message} {error.hint} {still}</p>
      <div class="do">
        {retry && <button class="btn main" onClick={retry}>Try again<kbd>r</kbd></button>}
        {(error.isGone || error.status >= 500) && <span class="m i3">asked again by itself</span>}
        <span class="x" />
        {error.requestId && (
          <span class="m i3">request {error.requestId} <button class="link" onClick={() => void copy(error.requestId)}>copy</button></span>
        )}
      </div>
    </div>
  )
}

/** Code as lines of pieces: 'k:import' keyword, 'q:"' quote, all else plain. */
export function Empty({ title, experiment, children }: { title: string; experiment?: string; children?: ComponentChildren }) {
  const url = address()
  const name = experiment ?? 'my-experiment'
  const code = `import pegboard\npegboard.set_tracking_uri("${url}")\npegboard.set_experiment(${JSON.stringify(name)})\npegboard.log_metrics({"acc": 0.91, "loss": 0.24})`
  const take = () => void copy(code, 'code copied')
  useKeys(title, { y: { does: 'Copy the code', run: take } })
  return (
    <div class="hole">
      <div class="pegs" aria-hidden="true">
        {Array.from({ length: 22 }, (_, i) => (
          <svg key={i} width="12" height="12" viewBox="0 0 12 12">
            <circle cx="6" cy="6" r="4.6" fill="var(--ground)" stroke="var(--edge)" stroke-width="1.2" class={i ? '' : 'breathe'} stroke-opacity={Math.max(0.12, 1 - i * 0.06)} />
          </svg>
        ))}
      </div>
      <h2>{title}</h2>
      <div class="code" tabIndex={0} role="region" aria-label="Code that logs here">
        <button class="btn flat" onClick={take}>copy<kbd>y</kbd></button>
        <span class="kw">import</span> pegboard{'\n'}
        pegboard.set_tracking_uri(<span class="q">"</span>{url}<span class="q">"</span>){'\n'}
        pegboard.set_experiment(<span class="q">"</span>{name}<span class="q">"</span>){'\n'}
        pegboard.log_metrics({'{'}<span class="q">"</span>acc<span class="q">"</span>: <span class="kw">0.91</span>, <span class="q">"</span>loss<span class="q">"</span>: <span class="kw">0.24</span>{'}'})
      </div>
      {children ?? (
        <div class="then">
          <Peg status="hidden" />
          <span class="s">This page fills by itself when the first point arrives. Code that logs to MLflow works unchanged with <span class="m">MLFLOW_TRACKING_URI={url}</span></span>
        </div>
      )}
    </div>
  )
}

/** Words on the dotted ground, where there is nothing to show and nothing to run. */
export function Nothing({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="hole">
      <h2>{title}</h2>
      {children && <div class="then s"><span>{children}</span></div>}
    </div>
  )
}
