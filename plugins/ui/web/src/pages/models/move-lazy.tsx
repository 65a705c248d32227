/** The panel of a move, which is loaded when somebody moves something. */
import { lazily } from '../../parts/lazy'
import type { MoveProps } from './move'

export const MovePanel = lazily<MoveProps>('The move', () => import('./move'))
