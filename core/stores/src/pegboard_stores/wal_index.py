"""The head of SQLite's shared index of a write-ahead log, which every commit changes.

Its form is a part of SQLite's file format (https://sqlite.org/walformat.html): the first 48 bytes
of the file ``NAME-shm``, which all who have the store open map into their memory.
"""

from __future__ import annotations

from pathlib import Path

_HEAD_BYTES = 48
_VERSION = 3007000


class WalIndex:
    """What the index of a store's log says, read without a lock or a system call.

    A commit changes the head before it returns, so if the head is the same as before, there was no
    commit since.
    """

    def __init__(self, store: Path) -> None:
        """Map the index of a store that is open; OSError or ValueError if there is none."""
        import mmap

        with store.with_name(f"{store.name}-shm").open("rb") as file:
            self._memory = mmap.mmap(file.fileno(), _HEAD_BYTES, access=mmap.ACCESS_READ)
        version = self._memory[:4]
        if _VERSION not in (int.from_bytes(version, "little"), int.from_bytes(version, "big")):
            raise ValueError(f"{store} has an index of another version")

    def head(self) -> bytes:
        """Return the head as it is now, 48 bytes."""
        return self._memory[:_HEAD_BYTES]
