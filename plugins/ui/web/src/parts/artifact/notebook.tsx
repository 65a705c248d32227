/** A notebook, read: its cells and what they put out. Nothing in it runs. */
import { useMemo } from 'preact/hooks'
import { Picture } from '../picture'
import { Prose } from '../prose-view'
import { Nothing } from '../states'
import { Code } from './code'

interface Output {
  output_type: string
  text?: string | string[]
  data?: Record<string, string | string[]>
  ename?: string
  evalue?: string
}

interface Cell {
  cell_type: string
  source: string | string[]
  outputs?: Output[]
  execution_count?: number | null
}

const MOST_CELLS = 500
const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']
const joined = (text: string | string[] | undefined): string => (Array.isArray(text) ? text.join('') : (text ?? ''))

export function readNotebook(text: string): { cells: Cell[]; language: string } | undefined {
  try {
    const found = JSON.parse(text) as { cells?: Cell[]; metadata?: { kernelspec?: { language?: string } } }
    return Array.isArray(found.cells) ? { cells: found.cells, language: found.metadata?.kernelspec?.language ?? 'python' } : undefined
  } catch {
    return undefined
  }
}

export function Notebook({ text }: { text: string }) {
  const book = useMemo(() => readNotebook(text), [text])
  if (!book) return <Nothing title="This notebook cannot be read">It is not the JSON of a notebook, or only a part of it.</Nothing>
  return (
    <div class="art-notebook" tabIndex={0} role="region" aria-label="Notebook">
      {book.cells.slice(0, MOST_CELLS).map((cell, i) => (
        <section key={i} class={`art-cell ${cell.cell_type}`}>
          <span class="m i3 count">{cell.cell_type === 'code' ? (cell.execution_count ?? '') : ''}</span>
          {cell.cell_type === 'markdown' ? <Prose text={joined(cell.source)} /> : (
            <div class="art-both">
              <Code text={joined(cell.source)} language={cell.cell_type === 'code' ? book.language : ''} numbers={false} label={`Cell ${i + 1}`} />
              {cell.outputs?.map((output, at) => <Put key={at} output={output} label={`Output of cell ${i + 1}`} />)}
            </div>
          )}
        </section>
      ))}
      {book.cells.length > MOST_CELLS && <p class="s i3">{book.cells.length - MOST_CELLS} more cells are in the file.</p>}
    </div>
  )
}

function Put({ output, label }: { output: Output; label: string }) {
  if (output.output_type === 'error') return <pre class="art-put bad">{output.ename}: {output.evalue}</pre>
  const type = IMAGES.find((each) => output.data?.[each])
  if (type) return <div class="art-put"><Picture named alt={label} src={`data:${type};base64,${joined(output.data![type]).replace(/\s/g, '')}`} /></div>
  const html = output.data?.['text/html']
  if (html) return <div class="art-put"><Prose text={joined(html)} html /></div>
  const text = joined(output.text) || joined(output.data?.['text/plain'])
  return text ? <pre class="art-put">{text}</pre> : null
}
