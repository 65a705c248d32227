"""Static files of a page: served by name, compressed where a twin lies beside them.

Beside ``app.js`` may lie ``app.js.br`` and ``app.js.gz``; a browser that takes them gets them.
Files whose names hold a hash of their content (``name-5f3a9c1b.js``) never change, and are kept by
browsers; all others are asked for anew each time, and answered with 304 if they are the same.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path

from pegboard import paths
from pegboard.errors import NotFound, UnsafePath

from pegboard_wire.http import Answer, Call, Endpoint, Permission

CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page may do: load what its own server has, and nothing else."""

_TWINS = (("br", ".br"), ("gzip", ".gz"))
_HASHED = re.compile(r".+[-.][0-9A-Za-z_-]{8,}\.[a-z0-9]+")
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def static(
    prefix: str,
    directory: Path,
    permission: Permission,
    summary: str,
    *,
    index: str = "index.html",
    content_policy: str = CONTENT_POLICY,
) -> Endpoint:
    """Return an endpoint that serves the files below a directory.

    ``index`` answers for the directory itself and for paths whose last part has no ending, which
    are the page's own addresses. Links that lead out of the directory are not followed.
    """

    def handle(call: Call) -> Answer:
        path = call.parameters.get("path", "")
        is_page = "." not in path.rpartition("/")[2]
        file = _file(directory, index if is_page else path)
        return _answer(file, call.headers, content_policy)

    path = prefix.rstrip("/") + "/{path:path}"
    return Endpoint("GET", path, handle, permission, summary, tags=("Pages",))


def _file(directory: Path, path: str) -> Path:
    try:
        file = paths.below(directory, path)
    except UnsafePath:
        raise NotFound(f"There is no file {path!r}.") from None
    if not file.is_file():
        raise NotFound(f"There is no file {path!r}.")
    return file


def _answer(file: Path, headers: Mapping[str, str], content_policy: str) -> Answer:
    encoding, sent = _twin(file, headers.get("accept-encoding", ""))
    status = sent.stat()
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}{encoding and "-" + encoding}"'
    kept = _FOREVER if _HASHED.fullmatch(file.name) else _ASK_AGAIN
    head = {"cache-control": kept, "etag": tag, "vary": "accept-encoding"}
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if media_type.startswith("text/") or media_type.endswith(("javascript", "json", "xml")):
        media_type += "; charset=utf-8"
    if media_type.startswith("text/html"):
        head["content-security-policy"] = content_policy
    if tag in headers.get("if-none-match", ""):
        return Answer(status=304, headers=head, media_type=media_type)
    if encoding:
        head["content-encoding"] = encoding
    return Answer(sent.read_bytes(), headers=head, media_type=media_type)


def _twin(file: Path, accepted: str) -> tuple[str, Path]:
    """Return the encoding to send a file in, "" for none, and the file that is so encoded."""
    known = {each.partition(";")[0].strip().lower() for each in accepted.split(",")}
    for encoding, ending in _TWINS:
        twin = file.with_name(file.name + ending)
        if encoding in known and twin.is_file():
            return encoding, twin
    return "", file
