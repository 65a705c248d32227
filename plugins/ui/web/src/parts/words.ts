/** Differences of two texts, word by word. */
import { diffWordsWithSpace } from 'diff'

export interface Piece {
  sign: ' ' | '-' | '+'
  text: string
}

/** How long it may take (ms); texts that have nothing in common take longest. */
const TIMEOUT = 1000

/** Pieces of both; undefined if they are too different to be told in time. */
export const piecesOf = (before: string, after: string): Piece[] | undefined =>
  diffWordsWithSpace(before, after, { timeout: TIMEOUT })?.map((part) => ({ sign: part.added ? '+' : part.removed ? '-' : ' ', text: part.value }))
