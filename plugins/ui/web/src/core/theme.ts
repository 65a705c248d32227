/** Light, dark, or as the system has it; and how high rows are. Both are this browser's own. */
import { effect, signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'
export type Density = 'compact' | 'normal' | 'roomy'

const HEIGHTS: Record<Density, number> = { compact: 24, normal: 28, roomy: 36 }

function stored<T extends string>(name: string, allowed: readonly T[]): T {
  try {
    const found = localStorage.getItem(`pegboard.${name}`) as T
    return allowed.includes(found) ? found : allowed[0]!
  } catch {
    return allowed[0]!
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(`pegboard.${name}`, value)
  } catch {
    // A browser that keeps nothing still shows the page.
  }
}

const THEMES: readonly Theme[] = ['system', 'light', 'dark']
const DENSITIES: readonly Density[] = ['normal', 'compact', 'roomy']

export const theme = signal(stored('theme', THEMES))
export const density = signal(stored('density', DENSITIES))

// Asked for once: to make one anew the browser works out the styles of the whole page.
const phone = matchMedia('(max-width: 600px)')
const system = matchMedia('(prefers-color-scheme: dark)')

/** The height of a row in px. */
export const rowHeight = (): number => (phone.matches ? 40 : HEIGHTS[density.value])

const next = <T>(all: readonly T[], now: T): T => all[(all.indexOf(now) + 1) % all.length]!

export const isDark = (): boolean => theme.value === 'dark' || (theme.value === 'system' && system.matches)

/** Switch between light and dark; back to the system's where that is the same. */
export function toggleTheme(): void {
  const wanted: Theme = isDark() ? 'light' : 'dark'
  theme.value = wanted === (system.matches ? 'dark' : 'light') ? 'system' : wanted
}

export function nextDensity(): void {
  density.value = next(DENSITIES, density.value)
}

effect(() => {
  const element = document.documentElement
  if (theme.value === 'system') delete element.dataset.theme
  else element.dataset.theme = theme.value
  store('theme', theme.value)
})

effect(() => {
  document.documentElement.style.setProperty('--row', `${HEIGHTS[density.value]}px`)
  store('density', density.value)
})

let probe: HTMLElement | undefined
const known = new Map<string, string>()

/** A colour token as a canvas needs it, 'rgb(…)'; reading it subscribes to the theme. */
export function colour(name: string): string {
  // The browser works out all styles anew to tell one.
  const key = `${isDark()} ${name}`
  let found = known.get(key)
  if (found !== undefined) return found
  if (!probe) {
    probe = document.createElement('i')
    probe.hidden = true
    document.body.append(probe)
  }
  probe.style.color = `var(--${name})`
  known.set(key, (found = getComputedStyle(probe).color))
  return found
}
