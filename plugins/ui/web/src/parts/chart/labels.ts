/** Where the names of lines stand: beside the right edge, or at the end of one that ended early. */

export interface End {
  name: string
  /** Where the line ends, px. */
  x: number
  y: number
}

export interface Room {
  left: number
  right: number
  top: number
  bottom: number
}

export interface Placed {
  index: number
  /** The middle of the name's height, and where it begins. */
  x: number
  y: number
  /** At the end of its own line, within the picture. */
  early: boolean
}

const APART = 11
const MOVES = [0, -6, 6, -12, 12]
const EARLY_MOVES = [0, -12, 14, -20, 22]
const EARLY = 60
const MOST_EARLY = 4
const MARK = 6

/**
 * Place the names of ends, those that matter most first; who finds no room has none.
 * `free` says whether a name at a place within the picture would cover no line.
 */
export function placed(ends: readonly End[], room: Room, width: (name: string) => number, free: (index: number, x: number, y: number, width: number) => boolean): Placed[] {
  const found: Placed[] = []
  const inside: { x: number; y: number; w: number }[] = []
  ends.forEach(({ name, x, y }, index) => {
    if (y < room.top - 2 || y > room.bottom + 2 || x < room.left || x > room.right + 2) return
    if (x < room.right - EARLY) {
      const w = width(name)
      if (inside.length >= MOST_EARLY || x + MARK + w > room.right + 40) return
      const move = EARLY_MOVES.find((dy) => y + dy > room.top + 4 && y + dy < room.bottom - 4 && inside.every((other) => Math.abs(other.y - y - dy) >= APART || other.x > x + w || other.x + other.w < x) && free(index, x + MARK, y + dy, w))
      if (move === undefined) return
      inside.push({ x: x + MARK, y: y + move, w })
      found.push({ index, x: x + MARK, y: y + move, early: true })
      return
    }
    const edge = found.filter((other) => !other.early)
    const move = MOVES.find((dy) => y + dy > room.top - 4 && y + dy < room.bottom + 4 && edge.every((other) => Math.abs(other.y - y - dy) >= APART))
    if (move !== undefined) found.push({ index, x: room.right + 12, y: y + move, early: false })
  })
  return found
}
