// Lays a Brotli and a gzip twin beside each built file that gets smaller by it.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const root = process.argv[2] ?? '../src/pegboard_ui/static'
for (const name of readdirSync(root, { recursive: true })) {
  const file = join(root, name)
  if (!/\.(js|css|html|svg|json)$/.test(file) || !statSync(file).isFile()) continue
  const content = readFileSync(file)
  const small = { br: brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }), gz: gzipSync(content, { level: 9 }) }
  for (const [ending, twin] of Object.entries(small)) if (twin.length < content.length * 0.95) writeFileSync(`${file}.${ending}`, twin)
}
