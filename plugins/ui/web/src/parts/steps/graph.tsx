/** Steps and what they need of each other, drawn; each is a link to itself in the address. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { layout, pathOf, SIZE, type Step } from './layout'
import './graph.css'

export type State = 'done' | 'kept' | 'running' | 'failed' | 'killed' | 'blocked' | 'waiting'

export interface Node extends Step {
  state: State
  /** A few words on it: '7.3s, kept'. */
  said: ComponentChildren
}

export interface GraphProps {
  nodes: readonly Node[]
  label: string
  chosen: string
  /** The address of a step. */
  to: (name: string) => string
}

export function Graph({ nodes, label, chosen, to }: GraphProps) {
  const drawing = layout(nodes)
  const here = useRef<HTMLAnchorElement>(null)
  useLayoutEffect(() => here.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [chosen])
  const places = new Map(drawing.nodes.map((node) => [node.name, node]))
  return (
    <nav class="steps" aria-label={label}>
      <div class="in" style={{ width: `${drawing.width}px`, height: `${drawing.height}px` }}>
        <svg width={drawing.width} height={drawing.height} aria-hidden="true">
          {drawing.ways.map((way) => <path key={`${way.from} ${way.to}`} d={pathOf(way)} class={way.from === chosen || way.to === chosen ? 'on' : ''} />)}
        </svg>
        {nodes.map((node) => {
          const { x, y } = places.get(node.name)!
          return (
            <a key={node.name} ref={node.name === chosen ? here : undefined} href={to(node.name)} class={`step ${node.state} ${node.name === chosen ? 'on' : ''}`} aria-current={node.name === chosen ? 'step' : undefined} style={{ left: `${x}px`, top: `${y}px`, width: `${SIZE.width}px`, height: `${SIZE.height}px` }}>
              <Sign state={node.state} />
              <span class="cut" title={node.name}>{node.name}</span>
              <span class="said cut"><span class="hush">{node.state}, </span>{node.said}</span>
            </a>
          )
        })}
      </div>
    </nav>
  )
}

/** The shape of a state, as of pegs; colour is never alone. */
export function Sign({ state }: { state: State }) {
  return <svg class={`sign ${state}`} width="11" height="11" viewBox="0 0 12 12" role="img" aria-label={state}>{shapes[state]}</svg>
}

const shapes: Record<State, ComponentChildren> = {
  done: <circle cx="6" cy="6" r="5" />,
  kept: <path d="M1.5 3.4h9M1.5 8.6h9" fill="none" stroke="currentColor" stroke-width="2" />,
  running: <><circle cx="6" cy="6" r="2.7" /><circle class="breathe" cx="6" cy="6" r="5.2" fill="none" stroke="currentColor" stroke-width="1.5" /></>,
  failed: <rect x="1.2" y="1.2" width="9.6" height="9.6" rx="1" />,
  killed: <path d="M6 .4L11.6 6 6 11.6.4 6z" />,
  blocked: <><circle cx="6" cy="6" r="4.6" fill="none" stroke="currentColor" stroke-width="1.3" /><path d="M2.8 9.2l6.4-6.4" fill="none" stroke="currentColor" stroke-width="1.3" /></>,
  waiting: <circle cx="6" cy="6" r="4.6" fill="none" stroke="currentColor" stroke-width="1.3" stroke-dasharray="2 2" />,
}
