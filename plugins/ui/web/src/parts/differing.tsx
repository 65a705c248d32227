/** Two texts in one, word by word: what is gone is struck, what is new is underlined. */
import { useEffect, useState } from 'preact/hooks'
import type { Piece } from './words'
import './differing.css'

export function Differing({ before, after, to }: { before: string; after: string; to: string }) {
  const [found, setFound] = useState<{ of: string; pieces?: Piece[] }>()
  const of = `${before}\n\n${after}`
  useEffect(() => {
    let off = false
    void import('./words').then(({ piecesOf }) => { if (!off) setFound({ of, pieces: piecesOf(before, after) }) })
    return () => { off = true }
  }, [of])
  if (found?.of !== of || !found.pieces) return <pre>{after}</pre>
  return <pre class="differing" aria-label={`Differences from ${to}`}>{found.pieces.map((piece, i) => piece.sign === '+' ? <ins key={i}>{piece.text}</ins> : piece.sign === '-' ? <del key={i}>{piece.text}</del> : <span key={i}>{piece.text}</span>)}</pre>
}
