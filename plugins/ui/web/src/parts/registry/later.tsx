/** What is loaded when somebody moves something. */
import { lazily } from '../lazy'
import type { AliasMenuProps } from './menus'
import type { MoveProps } from './move'

export const AliasMenu = lazily<AliasMenuProps>('The menu', () => import('./menus'), true)
export const MovePanel = lazily<MoveProps>('The move', () => import('./move'), true)
