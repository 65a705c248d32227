import { defineConfig } from 'vite'

/** What the first file loads without being asked: one chunk, as each request costs more than some bytes. */
function firstLoad(): (id: string, modules: { getModuleInfo: (id: string) => { importedIds: readonly string[] } | null }) => string | null {
  const reached = new Set<string>()
  return (id, modules) => {
    if (!reached.size) {
      const waiting = [decodeURIComponent(new URL('src/main.tsx', import.meta.url).pathname)]
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        if (reached.has(next)) continue
        reached.add(next)
        waiting.push(...(modules.getModuleInfo(next)?.importedIds ?? []))
      }
    }
    return reached.has(id) || SMALL.test(id) ? 'first' : null
  }
}

/** What several pages need and is smaller than what a request costs. */
const SMALL = /\/parts\/(colours|lazy|picture|gateway\/money|prompt\/(scope|link)|chart\/seen|artifact\/source)\.tsx?$/

/** Modules that are never needed one without the other: a file each would be a request each. */
function together(id: string): string | null {
  if (/\/pages\/run\/(head|overview|aside|note|dialogs|data|use|edits|drafts|smooth|trials)\.tsx?$/.test(id)) return 'run'
  if (/\/parts\/(json|review\/feedback)\.tsx$|\/pages\/traces\/messages\.ts$/.test(id)) return 'said'
  if (/\/parts\/registry\/(bits|edits|figures|lanes|later)\.tsx?$/.test(id)) return 'registry'
  return /\/parts\/chart\/(?!seen|plots?\.)\w+\.tsx?$/.test(id) ? 'chart' : null
}

// Addresses in the page are relative, so that it works below any path; see src/core/root.ts.
export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../src/pegboard_ui/static',
    emptyOutDir: true,
    target: 'es2022',
    // One sheet for all pages: a page's own part is small, and a request costs more.
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: firstLoad() }, { name: together }], includeDependenciesRecursively: false } } },
  },
})
