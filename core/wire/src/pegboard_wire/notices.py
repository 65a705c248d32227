"""Plain pages of HTML that tell a person something: no script, and no file beside them.

A program gets JSON; a browser that goes to the same address gets such a page, since its user reads
it. Everything that is told is escaped, and the page's policy allows nothing but its own style.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence

from attrs import frozen

MEDIA_TYPE = "text/html; charset=utf-8"
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0;padding:12vh 24px 24px;background:light-dark(#f6f4ee,#121315);"
    "color:light-dark(#1d1b16,#eceae3);font:15px/22px 'Helvetica Neue',Arial,sans-serif}"
    "main{max-width:640px;margin:auto;overflow-wrap:anywhere}"
    "h1{font-weight:500;font-size:20px;line-height:28px;margin:0 0 12px}p{margin:0 0 12px}"
    "small,code,pre{font:12px/18px Menlo,Consolas,monospace}"
    "small{color:light-dark(#6f6a5c,#969389)}"
    "pre{padding:12px 16px;white-space:pre-wrap;background:light-dark(#fff,#191b1f);"
    "border:1px solid light-dark(#dcd7cb,#30343a);border-radius:3px}"
    "h2{font-weight:500;font-size:15px;margin:24px 0 6px}dl{margin:0}dd{margin:0 0 8px 16px}"
    "ul{list-style:none;margin:0 0 12px;padding:0}li{padding:3px 0}"
    "a{color:light-dark(#1d4ed8,#8fb0ff)}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "vary": "accept",
}
"""What such a page is sent with, beside its media type."""
_MOST_TYPES = 32


@frozen
class Link:
    """Where a person may go from a page: what is there, and its address."""

    text: str
    address: str


@frozen
class Section:
    """Things of one kind: what each is called, and what there is to say of it."""

    title: str
    entries: Sequence[tuple[str, str]]


def is_wanted(accept: str) -> bool:
    """Whether who sent this header Accept is a browser that goes somewhere, not a program.

    A program says ``*/*``, or JSON; only who names ``text/html`` before JSON gets a page.
    """
    weights = {"text/html": 0.0, "application/json": 0.0}
    for each in accept.lower().split(",")[:_MOST_TYPES]:
        name, _, rest = each.strip().partition(";")
        if name.strip() in weights:
            weights[name.strip()] = _weight(rest)
    return weights["text/html"] > weights["application/json"]


def _weight(parameters: str) -> float:
    for each in parameters.split(";"):
        name, _, value = each.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def page(
    title: str,
    paragraphs: Iterable[str],
    *,
    code: str = "",
    links: Sequence[Link] = (),
    sections: Iterable[Section] = (),
    small: str = "",
) -> bytes:
    """Return a page; all texts are plain, ``code`` may have several lines."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts += [f"<p>{html.escape(each)}</p>" for each in paragraphs if each]
    if code:
        parts.append(f"<pre>{html.escape(code)}</pre>")
    if links:
        items = "".join(
            f'<li><a href="{html.escape(each.address)}">{html.escape(each.text)}</a></li>'
            for each in links
        )
        parts.append(f"<ul>{items}</ul>")
    for section in sections:
        entries = "".join(
            f"<dt><code>{html.escape(name)}</code></dt><dd>{html.escape(text)}</dd>"
            for name, text in section.entries
        )
        parts.append(f"<h2>{html.escape(section.title)}</h2><dl>{entries}</dl>")
    if small:
        parts.append(f"<small>{html.escape(small)}</small>")
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}, pegboard</title><style>{_STYLE}</style></head>"
    )
    return f"{head}<body><main>{''.join(parts)}</main></body></html>".encode()


def up(path: str) -> str:
    """Return the way from an address to the root: ``./`` from ``/a``, ``../`` from ``/a/b``.

    Relative, so that a proxy may show the server below any path without telling it.
    """
    return "../" * max(path.count("/") - 1, 0) or "./"
