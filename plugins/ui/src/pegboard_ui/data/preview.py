"""``artifacts/preview``: the first bytes of a file, which no browser runs with the page's rights.

Only images of a few kinds come as what they are, and only if their first bytes agree. All else
comes as bytes to be saved; what it seems to be stands in the header ``X-Artifact-Type``.
"""

from __future__ import annotations

import hashlib
import mimetypes
import posixpath
import re
from typing import Annotated
from urllib.parse import quote

from attrs import frozen
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data import files

FIRST = 64 << 10
"""How many bytes are sent if nothing else is asked for."""
MOST = 4 << 20
MOST_IMAGE = 32 << 20
"""How many bytes an image may have, which is of no use in part."""

_IMAGES = {
    "image/png": (b"\x89PNG\r\n\x1a\n", 0),
    "image/jpeg": (b"\xff\xd8\xff", 0),
    "image/gif": (b"GIF8", 0),
    "image/webp": (b"WEBP", 8),
    "image/avif": (b"ftypavi", 4),
}
_TYPES = {
    ".avif": "image/avif",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".toml": "application/toml",
    ".tsv": "text/tab-separated-values",
    ".webp": "image/webp",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".ipynb": "application/x-ipynb+json",
    ".patch": "text/x-diff",
    ".diff": "text/x-diff",
}
_MEDIA_TYPE = re.compile(r"[a-z]+/[\w.+-]{1,80}", re.ASCII)
_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


@frozen
class PreviewRequest:
    """Which part of which file of a run or a logged model."""

    path: Annotated[str, AtMost(2048)]
    run_id: str = ""
    model_id: str = ""
    bytes: Annotated[int, Between(0, MOST)] = FIRST
    offset: Annotated[int, Between(0, 1 << 60)] = 0


def preview(call: Call, wanted: PreviewRequest) -> Answer:
    """Return bytes of a file; an image as a whole."""
    file = files.find(call, wanted.run_id, wanted.model_id, wanted.path)
    told = type_of(file.name)
    count = wanted.bytes
    if told in _IMAGES and not wanted.offset and (file.size or 0) <= MOST_IMAGE:
        count = MOST_IMAGE
    content = file.read(wanted.offset, count)
    is_image = _is_image(told, content) and not wanted.offset and len(content) == file.size
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    head = {
        "cache-control": "private, no-cache",
        "content-security-policy": _CONTENT_POLICY,
        "cross-origin-resource-policy": "same-origin",
        "etag": tag,
        "x-artifact-type": told,
        "x-content-type-options": "nosniff",
    }
    if file.size is not None:
        head["x-artifact-size"] = str(file.size)
    if not is_image:
        name = quote(file.name, safe="")
        head["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
    if tag in call.headers.get("if-none-match", ""):
        return Answer(status=304, headers=head)
    return Answer(content, headers=head, media_type=told if is_image else _BYTES)


_BYTES = "application/octet-stream"


def type_of(name: str) -> str:
    """Return the media type that a name tells, for pages that show files by their kind."""
    ending = posixpath.splitext(name)[1].lower()
    guessed = _TYPES.get(ending) or mimetypes.guess_type(name)[0] or _BYTES
    if mimetypes.guess_type(name)[1] is not None and ending not in _TYPES:
        # Compressed: what is inside is not what the bytes are.
        return _BYTES
    return guessed if _MEDIA_TYPE.fullmatch(guessed) else _BYTES


def _is_image(told: str, content: bytes) -> bool:
    if told not in _IMAGES:
        return False
    magic, start = _IMAGES[told]
    return content[start : start + len(magic)] == magic


ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/artifacts/preview",
        preview,
        Permission.READ,
        "The first bytes of a file of a run or a logged model.",
        PreviewRequest,
        tags=("Pages",),
    )
]
