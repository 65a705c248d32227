"""Files that come in over HTTP, in pieces."""

from __future__ import annotations

import asyncio
import base64
import re
import tempfile
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import InvalidValue
from pegboard_stores.uploads import PieceUploads
from pegboard_wire.http import Answer

from pegboard_tracking.artifacts.content import IncomingFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard_stores.uploads import Incoming
    from pegboard_wire.http import Call

_WRITE = 1 << 19
"""How many bytes are hashed and written at once: as many as stay in a processor's cache."""
_PIECES = 64
"""How many pieces are written at once at the most, as very small ones take more room than bytes."""
_AHEAD = 2
"""How many writes of an upload wait for their turn at the most."""
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):")


async def receive(call: Call, incoming: Incoming) -> None:
    """Take the body of a call in, in bounded memory; what came is discarded if it breaks off."""
    writes = _Writes(incoming)
    try:
        await _receive(call, writes)
        _check_digest(call.headers, incoming)
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
    """Hashes and writes pieces in order, in a thread, while others arrive."""

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
        # For a file with a single piece, a thread would cost more than writing it.
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
    """Begin a file for a store; one that takes files as a whole gets it when it is kept."""
    pieces = store.ability(PieceUploads)
    if pieces is not None:
        return pieces.incoming(path)
    # Refuses a path that cannot be, before all of the file is here.
    store.local_path(path)
    descriptor, name = tempfile.mkstemp(prefix="pegboard-")
    return IncomingFile(Path(name), descriptor, partial(_hand_over, store, path))


def _hand_over(store: ArtifactStore, path: str, received: IncomingFile) -> None:
    received.close()
    with received.path.open("rb") as content:
        store.write(path, content)
    received.discard()


async def put(call: Call, store: ArtifactStore, path: str) -> Answer:
    """Store the body of a call as a file."""
    incoming = await asyncio.to_thread(begin, store, path)
    await receive(call, incoming)
    await asyncio.to_thread(incoming.keep)
    return stored(incoming.digest)


def stored(digest: str) -> Answer:
    """Return the answer that says what was stored, by its SHA-256."""
    return Answer(b"{}", headers={"repr-digest": f"sha-256=:{_base64(digest)}:"})


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()
