"""What is sent of a file: read in pieces by the connection, and once more for another try."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

_PIECE = 1 << 20


def is_seekable(content: BinaryIO) -> bool:
    """Whether a stream can be brought back to where it began."""
    seekable = getattr(content, "seekable", None)
    return bool(seekable and seekable())


def rest_of(content: BinaryIO) -> Part:
    """Return all that is left of a stream that is seekable."""
    start = content.tell()
    return Part(content, start, content.seek(0, io.SEEK_END) - start)


class Part:
    """Some bytes of a seekable stream; positions in it are counted from its start."""

    def __init__(self, content: BinaryIO, start: int, length: int) -> None:
        self._content = content
        self._start = start
        self._position = 0
        # So that the connection knows the length.
        self.len = length
        content.seek(start)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``."""
        left = self.len - self._position
        data = self._content.read(min(left, size if size and size > 0 else _PIECE))
        self._position += len(data)
        return data

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, for another try."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.len}[whence]
        self._position = min(max(base + offset, 0), self.len)
        self._content.seek(self._start + self._position)
        return self._position

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(_PIECE), b"")


class Stream:
    """All of a stream that can be read only once."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self.count = 0
        """How many bytes were read."""

    def __iter__(self) -> Iterator[bytes]:
        while data := self._content.read(_PIECE):
            self.count += len(data)
            yield data
