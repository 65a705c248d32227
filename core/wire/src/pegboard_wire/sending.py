"""Files in answers: whole or in ranges, as attachments that no browser runs."""

from __future__ import annotations

import asyncio
import io
import mimetypes
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from attrs import frozen
from pegboard.errors import NotFound, StoreError

from pegboard_wire.http import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pegboard.contracts.artifacts import ArtifactStore


_PIECE = 1 << 20


_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


_NO_SUCH_RANGE = (
    b'{"error_code":"INVALID_PARAMETER_VALUE","message":"The file ends before the range."}'
)


_SHOWN = re.compile(
    r"(image/(png|jpeg|gif|webp|bmp)|audio/[\w.+-]+|video/[\w.+-]+|application/pdf)"
)
"""What a browser may know for what it is: nothing that it could run."""


_TEXTS = re.compile(r"(text/.*|application/(json|xml|javascript|x-sh|x-yaml|yaml|toml)|.*\+xml)")


_TEXT_ENDINGS = frozenset({".log", ".yaml", ".yml", ".toml", ".md", ".jsonl", ".cfg", ".ini", ""})


@frozen
class _Found:
    """A file that is sent, open."""

    stream: BinaryIO
    size: int
    etag: str
    """Empty if it is not known."""
    modified: float | None


def send(headers: Mapping[str, str], store: ArtifactStore, path: str) -> Answer:
    """Return a file as an attachment: all, a range, or that the client has it already."""
    found = _open(store, path)
    try:
        return _answer(headers, found, posixpath.basename(path))
    except BaseException:
        found.stream.close()
        raise


def _open(store: ArtifactStore, path: str) -> _Found:
    local = store.local_path(path)
    if local is None:
        return _open_remote(store, path)
    stream = store.read(path)
    status = os.fstat(stream.fileno())
    etag = f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
    return _Found(stream, status.st_size, etag, status.st_mtime)


def _open_remote(store: ArtifactStore, path: str) -> _Found:
    for file in store.list(posixpath.dirname(path)):
        if file.path == path and not file.is_dir:
            if file.file_size is not None:
                return _Found(store.read(path), file.file_size, "", None)
            # Only a copy tells how long it is.
            copy = tempfile.TemporaryFile()  # noqa: SIM115 (closed when it was sent)
            with store.read(path) as content:
                shutil.copyfileobj(content, copy, _PIECE)
            size = copy.tell()
            copy.seek(0)
            return _Found(copy, size, "", None)
    raise NotFound(f"There is no artifact {path!r}.").about("no_artifact", path=path)


def _answer(headers: Mapping[str, str], found: _Found, name: str) -> Answer:
    media_type = media_type_of(name)
    head = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-disposition": _attachment(name),
    }
    if found.etag:
        head["etag"] = found.etag
    if found.modified is not None:
        head["last-modified"] = formatdate(found.modified, usegmt=True)
    if found.etag and _names(headers.get("if-none-match", ""), found.etag):
        found.stream.close()
        return Answer(status=304, headers=head, media_type=media_type)
    asked = headers.get("range")
    if asked is not None and headers.get("if-range", found.etag) != found.etag:
        asked = None
    wanted = _range(asked or "", found.size)
    if wanted is not None and wanted[0] >= wanted[1]:
        found.stream.close()
        return Answer(_NO_SUCH_RANGE, 416, {"content-range": f"bytes */{found.size}"})
    start, end = wanted or (0, found.size)
    head["content-length"] = str(end - start)
    if wanted is not None:
        head["content-range"] = f"bytes {start}-{end - 1}/{found.size}"
    if start:
        _skip(found.stream, start)
    status = 200 if wanted is None else 206
    close = found.stream.close
    return Answer(_pieces(found.stream, end - start), status, head, media_type, close)


async def _pieces(stream: BinaryIO, left: int) -> AsyncIterator[bytes]:
    while left:
        piece = await asyncio.to_thread(stream.read, min(_PIECE, left))
        if not piece:
            raise StoreError("A file became shorter while it was sent.")
        left -= len(piece)
        yield piece


def _skip(stream: BinaryIO, count: int) -> None:
    if stream.seekable():
        stream.seek(count, io.SEEK_CUR)
        return
    while count:
        count -= len(stream.read(min(_PIECE, count))) or count


def _names(header: str, etag: str) -> bool:
    """Whether a header's list of tags names one, or all."""
    given = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in given or "*" in given


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Return the start and the end of a range; None if all is wanted.

    Several ranges, and a malformed one, mean the whole file, as the standard says. A start
    that is not before the end says that there is no such range.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        return max(size - int(match[2]), 0), size
    start = int(match[1])
    if match[2] == "":
        return start, size
    if int(match[2]) < start:
        return None
    return start, min(int(match[2]) + 1, size)


def media_type_of(name: str) -> str:
    """Return a media type that no browser runs anything of."""
    guessed, encoding = mimetypes.guess_type(name)
    ending = posixpath.splitext(name)[1].lower()
    if encoding is None and guessed is not None and _SHOWN.fullmatch(guessed):
        return guessed
    is_text = guessed is not None and _TEXTS.fullmatch(guessed)
    if encoding is None and (is_text or (guessed is None and ending in _TEXT_ENDINGS)):
        return "text/plain; charset=utf-8"
    return "application/octet-stream"


def _attachment(name: str) -> str:
    plain = re.sub(r'[^\x20-\x7e]|["\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
