/** GeoJSON as a drawing: its shapes where they are, without a map below. */
import { plural } from '../../core/format'
import { type Drawing, WIDE } from './geo'

const MARGIN = 12
const degrees = (value: number): string => String(+value.toFixed(4))

export function Shapes({ drawing, name }: { drawing: Drawing; name: string }) {
  const { shapes, features, high, box: [west, south, east, north] } = drawing
  return (
    <>
      <div class="fillup art-shapes">
        <svg viewBox={`${-MARGIN} ${-MARGIN} ${WIDE + 2 * MARGIN} ${high + 2 * MARGIN}`} role="img" aria-label={`${name}: ${plural(features, 'shape')}`}>
          {shapes.map(({ kind, d, title }, i) => <path key={i} class={kind} d={d}>{title && <title>{title}</title>}</path>)}
        </svg>
      </div>
      <div class="art-under"><span>{plural(features, 'shape')}, longitude {degrees(west)} to {degrees(east)}, latitude {degrees(south)} to {degrees(north)}; without a map below: the page asks no other server</span></div>
    </>
  )
}
