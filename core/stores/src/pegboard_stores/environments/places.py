"""Where environments are kept, and who may change them.

The process that builds or removes one holds the lock of its name. A process that runs in one holds
its directory, for as long as it lives.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

COMPLETE = "complete"
"""The file that says an environment was built to its end; its time is that of the last use."""


def folder(kind: str) -> Path:
    """Return the directory that environments of a kind are kept in; it need not be there."""
    base = os.environ.get("XDG_CACHE_HOME")
    cache = Path(base) if base else Path.home() / ".cache"
    return cache / "pegboard" / kind


def is_complete(place: Path) -> bool:
    """Whether an environment was built to its end, and its Python is there."""
    # The Python behind the environment may have been removed since.
    return (place / COMPLETE).is_file() and (place / "bin" / "python").exists()


@contextlib.contextmanager
def locked(place: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of an environment that is to be built or removed.

    BlockingIOError if another process holds it and ``wait`` is not wanted.
    """
    import fcntl

    file = lock_file(place)
    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with file.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if not _is_still(file, stream.fileno()):
                continue  # It was removed, with its environment, while we waited.
            yield
            return


def lock_file(place: Path) -> Path:
    """Return the file whose lock is that of an environment."""
    return place.with_suffix(".lock")


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def hold(place: Path) -> int:
    """Hold an environment until the descriptor that is returned is closed.

    At the latest, that is when this process ends, whatever program it becomes until then.
    """
    import fcntl

    descriptor = os.open(place, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.set_inheritable(descriptor, True)
    os.utime(place / COMPLETE)
    return descriptor


def is_held(place: Path) -> bool:
    """Whether a process runs in an environment."""
    import fcntl

    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
