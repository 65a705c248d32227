/**
 * Markdown as elements: marked writes HTML, DOMPurify makes it harmless. The only Trusted Types
 * policy of the page lives here; nothing else gets hold of it, and no HTML leaves as a string.
 */
import DOMPurify from 'dompurify'
import { marked } from 'marked'

interface Policies {
  createPolicy: (name: string, rules: { createHTML: (text: string) => string; createScriptURL: (url: string) => string }) => unknown
}

const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes
// DOMPurify parses with it; what it gives back are elements.
const policy = policies?.createPolicy('pegboard', {
  createHTML: (text) => text,
  createScriptURL: () => {
    throw new TypeError('no scripts')
  },
})

const TAGS = [
  'a', 'b', 'blockquote', 'br', 'caption', 'code', 'dd', 'del', 'details', 'div', 'dl', 'dt', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'i', 'img', 'input', 'kbd',
  'li', 'ol', 'p', 'pre', 's', 'span', 'strong', 'sub', 'summary', 'sup', 'table', 'tbody', 'td', 'tfoot', 'th', 'thead', 'tr', 'u', 'ul',
]
const ATTRIBUTES = ['href', 'title', 'alt', 'src', 'colspan', 'rowspan', 'align', 'start', 'type', 'checked', 'disabled']

/** DOMPurify removes handlers, but the browser reports those that it parses as breaches of the page's policy. */
const TAG = /<[a-z][^>]*>/gi
const HANDLER = /([\s/"'])on[a-z]+\s*=\s*("[^"]*"|'[^']*'|[^\s>"']*)/gi

const DATA = /^data:image\/(png|jpeg|gif|webp|avif);/i

/** What stands where a picture cannot be shown: its name, as `Picture` has it. */
function placeholder(name: string): HTMLElement {
  const made = document.createElement('span')
  made.className = 'no-picture i3 s'
  made.setAttribute('role', 'img')
  made.setAttribute('aria-label', `${name}: no picture`)
  made.textContent = `${name}: no picture`
  return made
}

/** HTML that somebody wrote, as elements that can do nothing. Pictures only as data; headings below those of the page. */
export function harmless(html: string): DocumentFragment {
  const made = DOMPurify.sanitize(html.replace(TAG, (tag) => tag.replace(HANDLER, '$1 ')), {
    ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false, RETURN_DOM_FRAGMENT: true,
    ...(policy ? { TRUSTED_TYPES_POLICY: policy as never } : {}),
  })
  for (const link of made.querySelectorAll('a[href]')) {
    link.setAttribute('rel', 'noopener noreferrer')
    link.setAttribute('target', '_blank')
  }
  for (const image of made.querySelectorAll('img')) {
    const name = image.getAttribute('alt') || 'picture'
    if (DATA.test(image.getAttribute('src') ?? '')) image.addEventListener('error', () => image.replaceWith(placeholder(name)), { once: true })
    else image.replaceWith(name)
  }
  // Below the headings of the page, and without a gap between levels.
  let before = 2
  for (const heading of made.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const level = Math.min(6, Number(heading.tagName[1]) + 2, before + 1)
    const moved = document.createElement(`h${level}`)
    moved.append(...heading.childNodes)
    heading.replaceWith(moved)
    before = level
  }
  // Boxes of task lists only; they have the text beside them as their name.
  for (const box of made.querySelectorAll('input')) {
    if (box.getAttribute('type') !== 'checkbox') box.remove()
    else {
      box.setAttribute('disabled', '')
      box.setAttribute('aria-label', box.parentElement?.textContent?.trim() || 'task')
    }
  }
  return made
}

export const markdown = (text: string): DocumentFragment => harmless(marked.parse(text, { async: false, gfm: true, breaks: true }))
