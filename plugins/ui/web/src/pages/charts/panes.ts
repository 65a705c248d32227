export const panes = { charts: () => import('./pane') }
