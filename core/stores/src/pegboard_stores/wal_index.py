"""The head of SQLite's shared index of a write-ahead log, which every commit changes.

Its form is a part of SQLite's file format ("WAL-mode File Format" in its documentation): the first bytes of
the file ``NAME-shm``, which all who have the store open map into their memory.

SQLite's locks of the log lie on that file, and a process loses all its locks on a file as soon as
it closes any descriptor of it (POSIX). So each index is opened once for the whole process, and
closed only when the file has lost its name: SQLite removes it with the last connection of all.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TypeAlias

_Identity: TypeAlias = tuple[int, int]
"""The device and the number of a file."""

_HEAD_BYTES = 48
_FRAMES_AT, _MOVED_AT = 16, 96
_MAPPED_BYTES = 100
_VERSION = 3007000
_NUMBER = struct.Struct("=I")

_known: dict[_Identity, WalIndex] = {}
_spare: list[WalIndex] = []
"""Indexes that two threads opened at the same time: to close them would take locks away."""


class WalIndex:
    """What the index of a store's log says, read without a lock or a system call.

    A commit has changed the head before it returns to the one who made it, so a head that is the
    same as before says that nobody has committed since.
    """

    def __init__(self, descriptor: int) -> None:
        """Map the index of which this is a descriptor."""
        # Whoever only reads a store, or opens none, does without it.
        import mmap

        self._descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _MAPPED_BYTES, access=mmap.ACCESS_READ)

    @classmethod
    def of(cls, store: Path) -> WalIndex:
        """Return the index of a store that is open; OSError or ValueError if none can be read."""
        file = store.with_name(f"{store.name}-shm")
        found = file.stat()
        index = _known.get((found.st_dev, found.st_ino))
        if index is None:
            if found.st_size < _MAPPED_BYTES:
                raise ValueError(f"{file} is too short")
            _forget_removed()
            index = cls._opened(file)
        version = index._memory[:4]
        if _VERSION not in (int.from_bytes(version, "little"), int.from_bytes(version, "big")):
            raise ValueError(f"{store} has an index of another version")
        return index

    @classmethod
    def _opened(cls, file: Path) -> WalIndex:
        made = cls(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
        found = os.fstat(made._descriptor)
        index = _known.setdefault((found.st_dev, found.st_ino), made)
        if index is not made:
            _spare.append(made)
        return index

    def head(self) -> bytes:
        """Return the head as it is now, 48 bytes."""
        return self._memory[:_HEAD_BYTES]

    def frames(self) -> tuple[int, int]:
        """Return how many pages the log holds, and how many of them a checkpoint has moved on."""
        (held,) = _NUMBER.unpack_from(self._memory, _FRAMES_AT)
        (moved,) = _NUMBER.unpack_from(self._memory, _MOVED_AT)
        return held, moved

    def close_if_removed(self) -> bool:
        """Close the file if it has lost its name, so that no lock on it means anything."""
        if os.fstat(self._descriptor).st_nlink:
            return False
        os.close(self._descriptor)
        return True


def _forget_removed() -> None:
    for identity, index in list(_known.items()):
        if index.close_if_removed():
            del _known[identity]
    _spare[:] = [index for index in _spare if not index.close_if_removed()]
