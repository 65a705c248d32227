"""Files over HTTP, in pieces: what comes in, and what goes out."""

from __future__ import annotations

import asyncio
import base64
import io
import mimetypes
import os
import posixpath
import re
import shutil
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from attrs import frozen
from pegboard.contracts.http import Answer
from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue, NotFound, StoreError, translate_os_error

from pegboard_tracking.artifacts import FileArtifactStore
from pegboard_tracking.content import Incoming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.http import Call

_PIECE = 1 << 20
_WRITE = 1 << 19
"""How many bytes are hashed and written at once: as many as stay in a processor's cache."""
_PIECES = 64
"""How many pieces are written at once at the most, as very small ones take more room than bytes."""
_AHEAD = 2
"""How many writes of an upload wait for their turn at the most."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):")
_NO_SUCH_RANGE = (
    b'{"error_code":"INVALID_PARAMETER_VALUE","message":"The file ends before the range."}'
)
_SHOWN = re.compile(
    r"(image/(png|jpeg|gif|webp|bmp)|audio/[\w.+-]+|video/[\w.+-]+|application/pdf)"
)
"""What a browser may know for what it is: nothing that it could run."""
_TEXTS = re.compile(r"(text/.*|application/(json|xml|javascript|x-sh|x-yaml|yaml|toml)|.*\+xml)")
_TEXT_ENDINGS = frozenset({".log", ".yaml", ".yml", ".toml", ".md", ".jsonl", ".cfg", ".ini", ""})


# -- in --------------------------------------------------------------------------------------------


async def receive(call: Call, incoming: Incoming) -> None:
    """Take the body of a call in, in bounded memory; what came is discarded if it breaks off."""
    writes = _Writes(incoming)
    try:
        await _receive(call, writes)
        _check_digest(call.headers, incoming)
    except OSError as error:
        incoming.discard()
        if isinstance(error, ConnectionError):
            raise
        raise translate_os_error(error, incoming.path) from error
    except BaseException:
        incoming.discard()
        raise
    finally:
        writes.close()


async def _receive(call: Call, writes: _Writes) -> None:
    assert call.body is not None
    waiting: list[bytes] = []
    size = 0
    async for piece in call.body:
        waiting.append(piece)
        size += len(piece)
        if size >= _WRITE or len(waiting) >= _PIECES:
            await writes.add(waiting)
            waiting, size = [], 0
    await writes.end(waiting)


class _Writes:
    """Hashes and writes pieces in their order, in a thread of its own, while others arrive."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        # One thread keeps the order. It finds its next piece waiting: to wake it up by the event
        # loop for each piece would take half as long as the work itself.
        self._thread = ThreadPoolExecutor(1, "upload")
        self._begun: deque[asyncio.Future[None]] = deque()

    async def add(self, pieces: Sequence[bytes]) -> None:
        """Write these next; wait if too many are waiting."""
        if len(self._begun) > _AHEAD:
            await self._begun.popleft()
        loop = asyncio.get_running_loop()
        self._begun.append(loop.run_in_executor(self._thread, self._incoming.write, *pieces))

    async def end(self, rest: Sequence[bytes]) -> None:
        """Wait until all is written, and the rest, which is short."""
        while self._begun:
            await self._begun.popleft()
        # For a file that is all rest, a thread of its own would be more work than to write it.
        await asyncio.to_thread(self._incoming.write, *rest)

    def close(self) -> None:
        """Let the thread go."""
        for write in self._begun:
            write.add_done_callback(_forget)
        self._thread.shutdown(wait=False)


def _forget(write: asyncio.Future[None]) -> None:
    """Take note of how a write ended whose upload was given up."""
    if not write.cancelled():
        write.exception()


def _check_digest(headers: Mapping[str, str], incoming: Incoming) -> None:
    """Refuse content that is not what the client says it sent."""
    for name in ("repr-digest", "content-digest"):
        match = _DIGEST.search(headers.get(name, ""))
        if match is not None and match[1] != _base64(incoming.digest):
            raise InvalidValue(
                f"What arrived is not what the header {name} says; nothing was kept.",
                hint="Send it again.",
            )


def begin(store: ArtifactStore, path: str) -> Incoming:
    """Begin a file for a store, which is then given its place by ``keep``."""
    # Refuses a path that cannot be, before all of the file is here.
    store.local_path(path)
    if isinstance(store, FileArtifactStore):
        return store.receive()
    descriptor, name = tempfile.mkstemp(prefix="pegboard-")
    return Incoming(Path(name), descriptor)


def keep(store: ArtifactStore, received: Incoming, path: str) -> FileInfo:
    """Give what was received its place in a store."""
    if isinstance(store, FileArtifactStore):
        return store.keep(received, path)
    received.close()
    try:
        with received.path.open("rb") as content:
            return store.write(path, content)
    finally:
        received.discard()


async def put(call: Call, store: ArtifactStore, path: str) -> Answer:
    """Store the body of a call as a file."""
    incoming = await asyncio.to_thread(begin, store, path)
    await receive(call, incoming)
    await asyncio.to_thread(keep, store, incoming, path)
    return stored(incoming)


def stored(received: Incoming) -> Answer:
    """Return the answer that says what was stored."""
    digest = f"sha-256=:{_base64(received.digest)}:"
    return Answer(b"{}", headers={"repr-digest": digest})


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


# -- out -------------------------------------------------------------------------------------------


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

    Several ranges, and what is no range at all, mean all of it, as the standard has it. A start
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
