/** Puts the page together: it alone knows all pages. */
import { render } from 'preact'
import './css/tokens.css'
import './css/base.css'
import { type Load, type PaneName, registerPanes } from './core/panes'
import { register, type Route } from './core/router'
import './core/theme'
import { Shell } from './parts/shell'

interface Room {
  routes?: Route[]
  panes?: Partial<Record<PaneName, Load>>
}

const rooms = import.meta.glob<Room>('./pages/*/route.ts', { eager: true })
for (const room of Object.values(rooms)) {
  register(room.routes ?? [])
  registerPanes(room.panes ?? {})
}

const app = document.createElement('div')
app.id = 'app'
document.body.append(app)
render(<Shell />, app)
