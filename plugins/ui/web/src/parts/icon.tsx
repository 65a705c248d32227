/** Line drawings of 20 × 20; what the fonts lack (arrows, key signs) is drawn too. */
const ICONS: Record<string, string> = {
  runs: 'M5.8 5a1.8 1.8 0 1 1-3.6 0 1.8 1.8 0 0 1 3.6 0M5.8 10a1.8 1.8 0 1 1-3.6 0 1.8 1.8 0 0 1 3.6 0M5.8 15a1.8 1.8 0 1 1-3.6 0 1.8 1.8 0 0 1 3.6 0M8.5 5H17M8.5 10H17M8.5 15H14',
  models: 'M5 17.5v-14M5 4h10l-2.5 3.2L15 10.5H5',
  prompts: 'M3 5h14M3 9h9M3 13h5M12 15.5l5-5',
  traces: 'M3 3.7h13v2.6H3zM5.5 8.7H12v2.6H5.5zM9 13.7h8v2.6H9z',
  gateway: 'M3 10h5l4-5h5M8 10l4 5h5M14.5 2.5 17 5l-2.5 2.5M14.5 12.5 17 15l-2.5 2.5',
  recipes: 'M6 10a2 2 0 1 1-4 0 2 2 0 0 1 4 0M17 5a2 2 0 1 1-4 0 2 2 0 0 1 4 0M17 15a2 2 0 1 1-4 0 2 2 0 0 1 4 0M6 9l7-3.2M6 11l7 3.2',
  search: 'M14 9A5 5 0 1 1 4 9a5 5 0 0 1 10 0M13 13l4 4',
  person: 'M13 7a3 3 0 1 1-6 0 3 3 0 0 1 6 0M4 17c0-3.5 2.7-5.5 6-5.5s6 2 6 5.5',
  dot: 'M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0',
}

export function Icon({ name = '', d = '' }: { name?: string; d?: string }) {
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" fill={name === 'traces' ? 'currentColor' : 'none'} stroke={name === 'traces' ? 'none' : 'currentColor'} stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={d || ICONS[name] || ICONS.dot} />
    </svg>
  )
}

export function Logo() {
  const near = [4, 10, 16].flatMap((y) => [4, 10, 16].map((x) => [x, y] as const))
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" fill="currentColor" aria-hidden="true">
      {near.map(([x, y]) => <circle key={`${x} ${y}`} cx={x} cy={y} r={x === 10 && y === 10 ? 4.4 : 1.2} />)}
    </svg>
  )
}

const CHEVRONS = { down: 'M1 2.5l3 3 3-3', right: 'M2.5 1l3 3-3 3', up: 'M1 5.5l3-3 3 3', left: 'M5.5 1l-3 3 3 3' }

export function Chevron({ to = 'down' }: { to?: keyof typeof CHEVRONS }) {
  return (
    <svg width="8" height="8" viewBox="0 0 8 8" fill="none" stroke="currentColor" stroke-width="1.3" aria-hidden="true">
      <path d={CHEVRONS[to]} />
    </svg>
  )
}

/** An arrow to the right, for "from → to" in text. */
export function Arrow() {
  return (
    <svg class="arr" width="12" height="8" viewBox="0 0 12 8" fill="none" stroke="currentColor" stroke-width="1.3" aria-hidden="true">
      <path d="M0 4h11M8 1l3 3-3 3" />
    </svg>
  )
}

export function Cross() {
  return <svg width="8" height="8" viewBox="0 0 8 8" fill="none" stroke="currentColor" stroke-width="1.3" aria-hidden="true"><path d="M1 1l6 6M7 1 1 7" /></svg>
}
