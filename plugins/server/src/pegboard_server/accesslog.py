"""The log: one JSON object a line on stderr, written by a separate thread.

A reader of stderr that does not keep up must never hold up the server, so lines are dropped, and
counted, while too many wait.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from typing import Any

import orjson

_WAITING = 20_000
_SECONDS = 0.2
_REMEMBERED = 1_000


class Log:
    """Lines that wait to be written, and the thread that writes them."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._same: dict[tuple[str, str, str, bytes], bytes] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, kind: str, **facts: Any) -> None:
        """Add a line; its time is now."""
        if len(self._lines) >= _WAITING:
            self._dropped += 1
            return
        line = {"time": round(time.time(), 3), "kind": kind, **facts}
        self._lines.append(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))

    def access(
        self, request: str, about: tuple[str, str, str, bytes], status: int, sent: int, ms: float
    ) -> None:
        """Add a line on a request; ``about`` is its client, user, method and raw path."""
        if len(self._lines) >= _WAITING:
            self._dropped += 1
            return
        same = self._same.get(about)
        if same is None:
            same = self._remember(about)
        self._lines.append(
            b'{"time":%.3f,"kind":"access","request":"%b",%b,"status":%d,"bytes":%d,"ms":%.3f}\n'
            % (time.time(), request.encode(), same, status, sent, ms)
        )

    def _remember(self, about: tuple[str, str, str, bytes]) -> bytes:
        """Return what many lines have in common, as it is written."""
        client, user, method, path = about
        said = {"client": client, "user": user, "method": method, "path": path.decode("latin-1")}
        if len(self._same) >= _REMEMBERED:
            self._same.clear()
        self._same[about] = same = orjson.dumps(said)[1:-1]
        return same

    def close(self, timeout: float = 2.0) -> None:
        """Write what waits, if the reader takes it in time."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def last(self, kind: str, **facts: Any) -> None:
        """Add a line and write all that waits, also when the log is closed; may wait for ever."""
        self.write(kind, **facts)
        self._flush()

    def _work(self) -> None:
        while not self._closing.wait(_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self.write("dropped", lines=dropped)
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if lines:
            # If the reader is gone, there is no place to report it.
            with contextlib.suppress(OSError):
                sys.stderr.buffer.write(b"".join(lines))
                sys.stderr.buffer.flush()
