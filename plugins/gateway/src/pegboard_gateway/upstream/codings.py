"""Content codings of answers: gzip and deflate, within a limit on what comes out."""

from __future__ import annotations

import zlib
from typing import Protocol

_GZIP_OR_ZLIB, _RAW = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS
NAMES = frozenset({"gzip", "x-gzip", "deflate"})


class TooLarge(Exception):
    """More came out than may."""


class Broken(Exception):
    """What came in is not of the coding."""


class Coding(Protocol):
    """Undoes a content coding."""

    def feed(self, data: bytes, most: int) -> bytes:
        """Return what a piece stands for, at most so many bytes."""

    def end(self) -> None:
        """Raise Broken if more should have come."""


class Inflater:
    """Undoes gzip, zlib, and the bare deflate that some servers send instead of it."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._begun = False

    def feed(self, data: bytes, most: int) -> bytes:
        """Return what a piece stands for; TooLarge beyond ``most`` bytes, Broken if it is not."""
        if self._inflate.eof:
            # Some servers pad; a second member is not what an answer has.
            return b""
        try:
            found = self._inflate.decompress(data, most + 1)
        except zlib.error:
            if self._begun:
                raise Broken from None
            self._inflate = zlib.decompressobj(_RAW)
            try:
                found = self._inflate.decompress(data, most + 1)
            except zlib.error:
                raise Broken from None
        self._begun = True
        if len(found) > most:
            raise TooLarge
        return found

    def end(self) -> None:
        """Raise Broken if the end is missing."""
        if self._begun and not self._inflate.eof:
            raise Broken
