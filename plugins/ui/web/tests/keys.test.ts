import { describe, expect, it } from 'vitest'
import { listed, shown, shownAll } from '../src/core/keylist'
import type { Group, Keys } from '../src/core/keys'
import { rank, score } from '../src/core/palette'
import { PAGES } from '../src/parts/elsewhere'

const run = () => undefined
const group = (name: string, keys: Keys): Group => ({ name, keys })

describe('the list of keys', () => {
  it('names each thing once, with all of its keys', () => {
    const rows = listed([group('Table', { j: { does: 'Next', run }, ArrowDown: { does: 'Next', run }, x: { does: 'Hide', run } })])
    expect(rows.get('Table')).toEqual([
      { does: 'Next', combinations: ['j', 'ArrowDown'], needs: '' },
      { does: 'Hide', combinations: ['x'], needs: '' },
    ])
  })
  it('joins groups of one name, the last one first', () => {
    const rows = listed([group('Version', { m: { does: 'Move', run } }), group('All', {}), group('Version', { u: { does: 'Up', run } })])
    expect([...rows.keys()]).toEqual(['Version'])
    expect(rows.get('Version')!.map((row) => row.does)).toEqual(['Up', 'Move'])
  })
  it('leaves a key out that another group takes, unless that group cannot use it now', () => {
    const below = group('Charts', { e: { does: 'Find', run } })
    const names = (top: Keys) => [...listed([below, group('Picked', top)])].map(([name, rows]) => `${name}: ${rows.map((row) => row.does + (row.needs && '*'))}`)
    expect(names({ e: { does: 'Rename', run } })).toEqual(['Picked: Rename'])
    expect(names({ e: { does: 'Rename', run, needs: 'a run' } })).toEqual(['Picked: Rename*', 'Charts: Find'])
  })
  it('writes combinations as people read them', () => {
    expect(['Shift+ArrowUp', '+', 'Mod+K', 'g t', 'Backspace', 'PageDown', '-'].map(shown)).toEqual(['shift up', '+', 'ctrl K', 'g t', 'del', 'page down', '-'])
    expect(shownAll(['Shift+ArrowDown', 'Shift+ArrowUp', 'Shift+ArrowRight', 'Shift+ArrowLeft'])).toEqual(['shift arrows'])
    expect(shownAll(['j', 'ArrowDown'])).toEqual(['j', 'down'])
  })
  it('names keys of other pages that these have', () => {
    const sources = Object.values(import.meta.glob<string>('../src/pages/**/*.ts*', { query: '?raw', import: 'default', eager: true })).join('\n')
    const quoted = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    for (const [page, { group: name, keys }] of Object.entries(PAGES)) {
      expect(sources, page).toContain(`useKeys('${name}'`)
      for (const [combination, does] of Object.entries(keys)) {
        const key = `(?:'${quoted(combination.replace('\\', '\\\\'))}'|\\b${quoted(combination)})`
        expect(sources, `${page} ${combination}`).toMatch(new RegExp(`${key}: [^\\n]*does: [^\\n]*'${quoted(does)}'`))
      }
    }
  })
})

describe('what the palette finds', () => {
  it('ranks beginnings, words, parts and letters apart', () => {
    const found = ['Group by opt', 'Regroup', 'by group', 'g r o u p', 'nothing'].map((title) => score(title, 'group'))
    expect(found).toEqual([4, 2, 3, 1, 0])
    expect(score('Colour runs by opt', 'opt colour')).toBe(2)
  })
  it('knows other words for a thing, and puts what lacks something last', () => {
    const item = { title: 'Colour runs by opt', kind: 'do', run }
    expect(rank({ ...item, also: 'color runs by params.opt' }, 'color')).toBe(4)
    expect(rank({ ...item, needs: 'a run' }, 'colour')).toBe(0.5)
    expect(rank(item, 'zzz')).toBe(0)
  })
})
