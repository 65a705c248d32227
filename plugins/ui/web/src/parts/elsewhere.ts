/** The main keys of each page, for the list of keys of all others. A test holds that the pages have them. */
import type { Listed } from '../core/keylist'

/** By title of the page: what its group of keys is called, and what is done by which key. */
export const PAGES: Record<string, { group: string; keys: Record<string, string> }> = {
  'Run table': {
    group: 'Table',
    keys: { j: 'Next row', Space: 'Pick the run', Enter: 'Open the run', c: 'Compare the picked runs', s: 'Order by the next column', m: 'Menu of the column', ',': 'Choose columns', 'g c': 'Charts', '\\': 'Split, or not' },
  },
  'A run': {
    group: 'Run',
    keys: { m: 'Register a model', e: 'Write a note', t: 'Tag the run', '[': 'Run before', ']': 'Next run', u: 'To its experiment' },
  },
  'Compared runs': { group: 'Compare', keys: { b: 'Choose the baseline', a: 'Add a run', t: 'Transpose', x: 'Take the run away' } },
  'A model': { group: 'Model', keys: { j: 'Next version', m: 'Move an alias or a stage to the version', c: 'Compare the versions', n: 'New version' } },
  'A prompt': { group: 'Prompt', keys: { j: 'Next version', x: 'Differences from the version in use, or not', m: 'Move an alias to the version', p: 'Try the version in the playground' } },
  'The playground': { group: 'Playground', keys: { e: 'Rows of a data set', a: 'Add a model', 'Mod+Enter': 'Run', 'Mod+S': 'Save the version and its runs' } },
  'An evaluation': { group: 'Evaluation', keys: { j: 'Next row', f: 'Failed rows only', s: 'Next order of rows', x: 'Differences of the texts, or not', v: 'Next view' } },
  'A trace': { group: 'Trace', keys: { j: 'Next span', l: 'The slowest span', e: 'Next span that failed', '/': 'Find spans' } },
}

/** The main keys of the pages other than that of these groups. */
export const elsewhere = (here: ReadonlySet<string>): (readonly [string, readonly Listed[]])[] =>
  Object.entries(PAGES)
    .filter(([, { group }]) => !here.has(group))
    .map(([title, { keys }]) => [title, Object.entries(keys).map(([combination, does]) => ({ does, combinations: [combination], needs: '' }))])
