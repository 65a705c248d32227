/** Puts the page together: it alone knows all pages. */
import { render } from 'preact'
import './css/tokens.css'
import './css/base.css'
import { type Load, type PaneName, registerPanes } from './core/panes'
import { begin, register, type Route } from './core/router'
import { about } from './core/root'
import './core/theme'
import { Shell } from './parts/shell'

// By name: a whole module as an object would need a helper, in a file and a request of its own.
const routes = import.meta.glob<Route[]>('./pages/*/route.ts', { eager: true, import: 'routes' })
const panes = import.meta.glob<Partial<Record<PaneName, Load>>>('./pages/*/panes.ts', { eager: true, import: 'panes' })
for (const found of Object.values(routes)) register(found)
for (const found of Object.values(panes)) registerPanes(found)

if (about.user) begin()

const app = document.createElement('div')
app.id = 'app'
document.body.append(app)
render(<Shell />, app)
