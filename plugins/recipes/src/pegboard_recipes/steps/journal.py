"""The file that tries of parameters are kept in, shared by processes any of which may be killed.

Optuna's own lock is a file that stays behind when its holder is killed: who comes next waits for
half a minute. The system's lock goes with its holder.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any


def opened(library: Any, file: Path) -> Any:
    """Return the storage of Optuna that is in a file."""
    journal = library.storages.journal
    lock = Lock(file.with_name(f"{file.name}.lock")) if _can_lock() else None
    own = lock or journal.JournalFileOpenLock(str(file))
    return library.storages.JournalStorage(journal.JournalFileBackend(str(file), lock_obj=own))


def mend(file: Path) -> None:
    """Take away the end of a line that a process which was killed did not write to its end."""
    if not file.is_file():
        return
    with file.open("rb+") as stream:
        content = stream.read()
        stream.truncate(content.rfind(b"\n") + 1)


class Lock:
    """A lock of the system on a file, in the form that Optuna asks for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Wait until nobody else holds it."""
        import fcntl

        stream = self._file.open("ab")
        fcntl.flock(stream, fcntl.LOCK_EX)
        self._stream = stream
        return True

    def release(self) -> None:
        """Give it back."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _can_lock() -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    return bool(fcntl)
