"""``artifacts/frame``: a file of a run as a separate document, without the rights of the page.

HTML runs its scripts, in a sandbox without an origin: it can neither read the page, its cookies or
its answers, nor ask any server for anything. PDF is shown by the browser's viewer, if its first
bytes agree. Both hold when the address is opened by itself, as the rules are the answer's own.
"""

from __future__ import annotations

import re
from typing import Annotated

from attrs import frozen
from pegboard.errors import InvalidValue
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.typed import AtMost, typed

from pegboard_ui.data import files
from pegboard_ui.data.preview import type_of

MOST = 32 << 20
"""How many bytes a document may have, which is of no use in part."""

_HTML, _PDF = "text/html", "application/pdf"
_POLICIES = {
    _HTML: (
        "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    # Browsers' viewers do not work in a sandbox; they isolate the file themselves.
    _PDF: "frame-ancestors 'self'",
}
_CATALOG = re.compile(rb"/Root\s+(\d+)\s+(\d+)\s+R")
_ENCODING = re.compile(rb"""<meta[^>]{0,200}charset""", re.IGNORECASE)
_HEAD = 4096


@frozen
class FrameRequest:
    """Which file of a run or a logged model."""

    path: Annotated[str, AtMost(2048)]
    run_id: str = ""
    model_id: str = ""


def frame(call: Call, wanted: FrameRequest) -> Answer:
    """Return a document for a frame."""
    file = files.find(call, wanted.run_id, wanted.model_id, wanted.path)
    kind = type_of(file.name)
    if kind not in _POLICIES:
        raise InvalidValue(f"{file.name!r} is neither HTML nor PDF.", hint="Download it.")
    if file.size is None or file.size > MOST:
        raise InvalidValue(
            f"{file.name!r} has more than {MOST >> 20} MiB, too many to be shown.",
            hint="It can be downloaded.",
        )
    content = file.read(0, MOST)
    if kind == _PDF and not content.startswith(b"%PDF-"):
        raise InvalidValue(
            f"{file.name!r} is named as a PDF, but its bytes are not one.",
            hint="It can be downloaded as it is.",
        )
    if kind == _PDF and not _is_whole(content):
        raise InvalidValue(
            f"{file.name!r} is a broken PDF: what its pages are cannot be found in it.",
            hint="It can be downloaded as it is.",
        )
    media_type = kind
    if kind == _HTML and _ENCODING.search(content[:_HEAD]) is None:
        media_type = "text/html; charset=utf-8"
    head = {
        "cache-control": "private, no-cache",
        "content-security-policy": _POLICIES[kind],
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-dns-prefetch-control": "off",
        "x-frame-options": "SAMEORIGIN",
    }
    return Answer(content, headers=head, media_type=media_type)


def _is_whole(content: bytes) -> bool:
    """Return whether a PDF has the catalog that any viewer begins with, which stays blank without.

    Its trailer is never compressed; the catalog itself may be, in a stream of objects.
    Source: ISO 32000-1, sections 7.5.5, 7.5.7 and 7.7.2.
    """
    named = _CATALOG.search(content)
    if named is None:
        return False
    catalog = rb"(?<!\d)0*%b\s+0*%b\s+obj\b" % named.groups()
    return b"/ObjStm" in content or re.search(catalog, content) is not None


ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/artifacts/frame",
        frame,
        Permission.READ,
        "An HTML or PDF file of a run or a logged model, for a frame without the page's rights.",
        FrameRequest,
        tags=("Pages",),
    )
]
