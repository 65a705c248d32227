/** A patch, file by file. */
import { useMemo, useState } from 'preact/hooks'
import { count, plural } from '../../core/format'
import { type FileChange, parsePatch, totals } from './patch'

const FIRST_LINES = 1500

export function Diff({ text }: { text: string }) {
  const patch = useMemo(() => parsePatch(text), [text])
  const [all, setAll] = useState(false)
  const sum = totals(patch)
  let left = all ? Infinity : FIRST_LINES
  const lines = patch.files.reduce((n, file) => n + file.lines.length, 0)
  return (
    <div class="art-diff">
      <p class="m i3">{plural(patch.files.length, 'file')} <span class="ok">+{count(sum.added)}</span> <span class="bad">-{count(sum.removed)}</span></p>
      {patch.notes.map((note, i) => <p key={i} class="s warn">{note}</p>)}
      {patch.files.map((file, i) => {
        const shown = file.lines.slice(0, Math.max(0, left))
        left -= file.lines.length
        return shown.length || !file.lines.length ? <File key={i} file={file} shown={shown} /> : null
      })}
      {lines > FIRST_LINES && !all && <button class="btn" onClick={() => setAll(true)}>Show all {count(lines)} lines</button>}
    </div>
  )
}

const SIGNS: Record<string, string> = { '+': 'add', '-': 'del', '@': 'hunk', '#': 'hunk', ' ': '' }

function File({ file, shown }: { file: FileChange; shown: FileChange['lines'] }) {
  return (
    <section aria-label={file.name}>
      <h3 class="m"><span class="cut" title={file.name}>{file.before && <span class="i3">{file.before}, now </span>}{file.name}</span> <span class="ok">+{file.added}</span> <span class="bad">-{file.removed}</span></h3>
      <div class="codes" tabIndex={0} role="region" aria-label={`Changes of ${file.name}`}>
        <table class="art-lines">
          <tbody>
            {shown.map((line, i) => (
              <tr key={i} class={SIGNS[line.kind]}>
                <td class="no">{line.old ?? ''}</td><td class="no">{line.now ?? ''}</td>
                <td class="sign">{line.kind === '+' || line.kind === '-' ? line.kind : ''}</td>
                <td class="text">{line.kind === '@' ? line.text || '...' : line.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
