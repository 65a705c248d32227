"""Reading a SQLite file in write-ahead mode that this process may not write.

What was written last lies in the file ``x.db-wal``, and where in it, in ``x.db-shm``. A reader must
not make these files: they would be its own, and the writers could not use them. So it reads with
what is there:

1. Both files: SQLite shares them with the writers, and sees what these write.
2. No log: all lies in the file itself, which is read as one that does not change.
3. A log alone, or an index that may not be read: SQLite makes an index of its own in memory.

In the last two SQLite takes no locks. So the files are checked before each transaction, to open
them anew after a change, and after it: if a writer has changed what was being read, that is an
error, never an answer.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from attrs import field, frozen
from pegboard.errors import StoreError

_HEAD_BYTES = 32
"""How much of a log tells which it is: its number and its salts, new ones for each."""

SETTLED_SECONDS = 0.03
"""How old a change must be so that the next one surely gets another time of its file system."""


@frozen
class _Look:
    """What a file looked like."""

    status: tuple[int, ...]
    head: bytes
    is_settled: bool = field(eq=False)
    """Whether a change after this look must show in the next one."""

    @classmethod
    def at(cls, path: Path, *, head_bytes: int = 0) -> _Look | None:
        """Look at a file, and perhaps into it; None if it is missing or empty."""
        head = b""
        try:
            found = path.stat()
            if head_bytes:
                with path.open("rb") as file:
                    head = file.read(head_bytes)
        except FileNotFoundError:
            return None
        status = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        is_settled = time.time_ns() - found.st_mtime_ns > SETTLED_SECONDS * 1e9
        return cls(status, head, is_settled) if found.st_size else None

    def goes_on(self, later: _Look | None) -> bool:
        """Whether a log has at most grown: what stood in it stands in it still."""
        same = later is not None and self.status[:2] == later.status[:2]
        return same and later is not None and self.head == later.head


@frozen
class Way:
    """How to open a file for reading only."""

    path: Path
    parameters: str
    """Those of SQLite's URI."""
    statements: tuple[str, ...] = ()
    """What to execute before the file is read."""
    looks: tuple[_Look | None, _Look | None] | None = None
    """What the file and its log looked like; None: SQLite itself sees changes."""

    def is_current(self) -> bool:
        """Whether what was opened this way is what the files hold now."""
        if self.looks is None:
            return True
        settled = all(look is None or look.is_settled for look in self.looks)
        return settled and self.looks == _looks(self.path)

    def is_sound(self) -> bool:
        """Whether what was read this way up to now stood in the files all the time."""
        if self.looks is None:
            return True
        (old_file, old_log), (file, log) = self.looks, _looks(self.path)
        if old_file is None or old_file != file or not old_file.is_settled:
            return False
        return old_log is None or old_log.goes_on(log)


def choose(path: Path, *, shared: bool = True) -> Way:
    """Return the way in which a file can be read now.

    Without ``shared`` it does without the index of the writers. StoreError if the log of writes
    may not be read: what stands in the file alone would be an old state.
    """
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    if log.exists() and not os.access(log, os.R_OK):
        raise StoreError(
            f"{log} cannot be read, so that what was written last to {path} is not known.",
            hint="Ask its owner for the permission to read it.",
        )
    if shared and log.exists() and os.access(index, os.R_OK):
        return Way(path, "mode=ro&readonly_shm=1")
    looks = _looks(path)
    if looks[0] is not None and not looks[0].is_settled:
        time.sleep(SETTLED_SECONDS)
        looks = _looks(path)
    if looks[1] is None:
        return Way(path, "mode=ro&immutable=1", (), looks)
    # SQLite keeps the index in memory only if it may assume that it uses the file alone.
    return Way(path, "mode=ro&vfs=unix-none", ("PRAGMA locking_mode = EXCLUSIVE",), looks)


def _looks(path: Path) -> tuple[_Look | None, _Look | None]:
    # To open and close the file itself would give up the locks that SQLite holds on it.
    log = path.with_name(path.name + "-wal")
    return _Look.at(path), _Look.at(log, head_bytes=_HEAD_BYTES)


def may_write(path: Path) -> bool:
    """Whether this process may write a file, and those that SQLite and the lock make beside it."""
    if not path.exists():
        return os.access(path.parent, os.W_OK)
    if not os.access(path, os.W_OK):
        return False
    beside = (path.with_name(path.name + ending) for ending in ("-wal", "-shm", ".lock"))
    return os.access(path.parent, os.W_OK) or all(os.access(file, os.W_OK) for file in beside)
