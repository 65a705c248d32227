"""What a step prints and is warned of: passed on, and its end kept."""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path
from typing import IO

_MOST = 256 * 1024
"""Characters that are kept; of more, the last ones."""


class Printed(io.TextIOBase):
    """A stream that passes on what is written, and keeps it."""

    def __init__(self, onward: IO[str] | None = None) -> None:
        self._onward = onward
        self._kept: deque[str] = deque()
        self._size = 0
        self._lost = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Write a text."""
        if self._onward is not None:
            self._onward.write(text)
        return self.keep(text)

    def keep(self, text: str) -> int:
        """Keep a text without passing it on."""
        self._kept.append(text)
        self._size += len(text)
        while self._size > _MOST and len(self._kept) > 1:
            gone = len(self._kept.popleft())
            self._size -= gone
            self._lost += gone
        return len(text)

    def flush(self) -> None:
        """Pass on what waits."""
        if self._onward is not None:
            self._onward.flush()

    def text(self) -> str:
        """Return what was kept; the first line says how much is missing."""
        text = "".join(self._kept)[-_MOST:]
        return f"({self._lost:,} characters before are left out)\n{text}" if self._lost else text

    def save(self, file: Path) -> None:
        """Write what was kept into a file, if it is anything."""
        if text := self.text():
            file.write_text(text, encoding="utf-8")
