/** A picture that a user's file is said to be; words where it is something else. */
import { useState } from 'preact/hooks'

export function Picture({ src, alt, lazy = false, named = false }: { src: string; alt: string; lazy?: boolean; named?: boolean }) {
  const [broken, setBroken] = useState('')
  if (broken === src) return <span class="no-picture i3 s" role="img" aria-label={`${alt}: no picture`} title={alt}>{named && `${alt}: `}no picture</span>
  return <img src={src} alt={alt} loading={lazy ? 'lazy' : undefined} onError={() => setBroken(src)} />
}
