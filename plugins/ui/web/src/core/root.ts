/** Where the server is, and what it told in the page about itself. */

/** Files of the page lie in ROOT/assets/, so this works below any path without being told. */
export const root = new URL('..', import.meta.url)

export interface PluginPage {
  key: string
  title: string
  icon: string
  module: string
  permission: Permission
  error: string
}

export type Permission = 'public' | 'read' | 'write' | 'delete' | 'admin' | 'invoke'

export interface About {
  /** null: the server has users, and does not know who looks. */
  user: { name: string; permissions: Permission[] } | null
  pages: PluginPage[]
  server: { version: string; root: string }
  /** Names of the plugins that work. */
  features: string[]
}

const EMPTY: About = { user: null, pages: [], server: { version: '', root: '' }, features: [] }

function read(): About {
  const found = document.querySelector<HTMLMetaElement>('meta[name=pegboard]')?.content
  return { ...EMPTY, ...(found ? (JSON.parse(found) as Partial<About>) : {}) }
}

export const about: About = read()

/** Whether the one who looks may do something; buttons that would be refused are not shown. */
export const may = (permission: Permission): boolean => about.user?.permissions.includes(permission) ?? false

/** The server's address as code on another machine names it. */
export const address = (): string => root.href.replace(/\/$/, '')

/** An address of the page below the root: '/runs/1' becomes '/sub/path/runs/1'. */
export const href = (path: string): string => root.pathname + path.replace(/^\//, '')

/** The page's sheets; links in the document are relative, so they are read before the address changes. */
export const sheets: readonly string[] = [...document.querySelectorAll<HTMLLinkElement>('link[rel=stylesheet]')].map((link) => link.href)
