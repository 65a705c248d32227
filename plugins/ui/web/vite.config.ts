import { defineConfig } from 'vite'

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
  },
})
