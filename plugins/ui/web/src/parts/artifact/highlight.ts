/** Code in colours: highlight.js makes tokens, Preact elements of them; no text becomes HTML. */
import { type ComponentChildren, h } from 'preact'
import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import ini from 'highlight.js/lib/languages/ini'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import sql from 'highlight.js/lib/languages/sql'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'

for (const [name, language] of Object.entries({ bash, ini, javascript, json, python, sql, xml, yaml })) hljs.registerLanguage(name, language)

interface Node {
  scope?: string
  children: (Node | string)[]
}

const CLASSES: Record<string, string> = {
  keyword: 'h-k', built_in: 'h-k', literal: 'h-n', number: 'h-n', string: 'h-s', regexp: 'h-s', comment: 'h-c', doctag: 'h-c', quote: 'h-c',
  title: 'h-t', section: 'h-t', attr: 'h-a', attribute: 'h-a', property: 'h-a', name: 'h-k', tag: '', meta: 'h-c', symbol: 'h-n', bullet: 'h-c', subst: '',
}

const drawn = (node: Node | string): ComponentChildren =>
  typeof node === 'string' ? node : h('span', { class: node.scope && CLASSES[node.scope.split('.')[0]!] }, node.children.map(drawn))

/** A text in a language; the text itself if that is not one we know. */
export default function highlighted(text: string, language: string): ComponentChildren {
  if (!hljs.getLanguage(language)) return text
  const found = hljs.highlight(text, { language, ignoreIllegals: true }) as unknown as { _emitter: { root: Node } }
  return drawn(found._emitter.root)
}
