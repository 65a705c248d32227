"""The log of a run: its output, kept among its files while it is written.

In a store on this machine it is appended to where it stays. Elsewhere it is sent from time to time,
and at the end. Beyond a limit, the beginning and the last megabyte are kept. A full disk or a
server that is gone costs the log, not the run: of a full disk, some of the log is given back.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pegboard.errors import PegboardError

from pegboard_projects.names import LOG

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore

TAIL_BYTES = 1 << 20
_ROOM_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FIRST_SECONDS, _MOST_SECONDS = 2.0, 60.0


class RunLogFile:
    """Takes output, shows it, and keeps it."""

    def __init__(
        self, store: ArtifactStore, limit: int, show: Callable[[bytes], None] | None
    ) -> None:
        """Keep at most about ``limit`` bytes in ``store``; ``show`` gets all of it."""
        self._show, self._room, self._left_out = show, limit, 0
        self._tail = b""
        self._lock = threading.Lock()
        self.fault = ""
        """Why the log is not complete, if it is not."""
        self._store: ArtifactStore | None = store
        self._sent = -1
        self._closed = threading.Event()
        store.write(LOG, io.BytesIO())
        local = store.local_path(LOG)
        if local is not None:
            self._store = None
            self._file: BinaryIO = local.open("ab", buffering=0)
            return
        # The sender reads it by its name.
        descriptor, self._name = tempfile.mkstemp(prefix="pegboard-log-")
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._sender = threading.Thread(target=self._send_now_and_then, daemon=True)
        self._sender.start()

    def __call__(self, piece: bytes) -> None:
        """Take a piece of output."""
        if self._show is not None:
            try:
                self._show(piece)
            except OSError:
                self._show = None  # Nobody reads it any more.
        with self._lock:
            kept, rest = piece[: self._room], piece[self._room :]
            self._room -= len(kept)
            self._write(kept)
            if rest:
                tail = self._tail + rest
                self._left_out += max(0, len(tail) - TAIL_BYTES)
                self._tail = tail[-TAIL_BYTES:]

    def _write(self, data: bytes) -> None:
        if self.fault or not data:
            return
        try:
            self._file.write(data)
        except OSError as error:
            self.fault = f"The log is not complete: {error.strerror}."
            if error.errno in _FULL:
                self._give_back()

    def _give_back(self) -> None:
        """Make room on a full disk: how the run ended is worth more than the log's last words."""
        with contextlib.suppress(OSError):
            size = os.fstat(self._file.fileno()).st_size
            os.ftruncate(self._file.fileno(), max(0, size - _ROOM_BYTES))

    def close(self) -> None:
        """Keep what is left of it."""
        with self._lock:
            if self._left_out:
                self._write(f"\n… {self._left_out} bytes are left out here …\n".encode())
            self._write(self._tail)
            with contextlib.suppress(OSError):
                self._file.close()
        if self._store is not None:
            self._closed.set()
            self._sender.join()
            self._send()
            Path(self._name).unlink(missing_ok=True)

    def _send_now_and_then(self) -> None:
        seconds = _FIRST_SECONDS
        while not self._closed.wait(seconds):
            self._send()
            # What is long is sent as a whole each time.
            seconds = min(seconds * 1.5, _MOST_SECONDS)

    def _send(self) -> None:
        assert self._store is not None
        content = Path(self._name).read_bytes()
        if len(content) == self._sent:
            return
        try:
            self._store.write(LOG, io.BytesIO(content))
        except PegboardError as error:
            if self._closed.is_set():
                self.fault = f"The log could not be sent: {error.message}"
        else:
            self._sent = len(content)
