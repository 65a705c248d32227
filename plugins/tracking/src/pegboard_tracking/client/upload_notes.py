"""What is remembered of uploads in parts, so that another process goes on with them.

A note lies beside the journals of its server, one for each place that a file is sent to. Who sends
holds its lock: a note without one is that of a process that died. It is removed when the upload is
complete or given up, and after a week.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from pegboard_tracking.client import places

KEPT_SECONDS = 7 * 24 * 3600.0
"""How long an unused note is kept."""

_DIRECTORY = "uploads"
_SUFFIX = ".json"

Identity = tuple[int, ...]
"""The inode of a file, its size, its time of change in ns, where the upload begins, its bytes."""


@frozen
class Begun:
    """An upload that was begun: of which file, and in parts of how many bytes."""

    upload_id: str
    part_bytes: int
    file: Identity


class Note:
    """The note of one upload, whose lock is held."""

    def __init__(self, descriptor: int, begun: Begun | None) -> None:
        self._descriptor = descriptor
        self.begun = begun
        """What another process noted; None: nothing."""

    def keep(self, begun: Begun) -> None:
        """Remember an upload, in place of an earlier one."""
        text = json.dumps([begun.upload_id, begun.part_bytes, begun.file]).encode()
        self.forget()
        # Half a note, on a full disk, counts as no note.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, text, 0)

    def forget(self) -> None:
        """Remember nothing; a note that says nothing is removed in the end."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)


def identity(content: BinaryIO, start: int, size: int) -> Identity | None:
    """Return a value that changes when the file does; None if it is not a file."""
    try:
        status = os.fstat(content.fileno())
    except (AttributeError, OSError, io.UnsupportedOperation):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, start, size


@contextlib.contextmanager
def held(server_url: str, target: str) -> Iterator[Note | None]:
    """Hold the note of the place that a file is sent to.

    None if another upload to it is under way, or no notes can be kept on this machine: an upload
    needs none.
    """
    directory = places.directory_of(server_url) / _DIRECTORY
    path = directory / (hashlib.sha256(target.encode()).hexdigest()[:32] + _SUFFIX)
    descriptor = _prepared(path)
    if descriptor is None:
        yield None
        return
    try:
        yield Note(descriptor, _read(descriptor))
    finally:
        with contextlib.suppress(OSError):
            if not os.fstat(descriptor).st_size:
                path.unlink(missing_ok=True)
        os.close(descriptor)


def _prepared(path: Path) -> int | None:
    """Return a note, open and locked, after old ones were removed."""
    try:
        for directory in (path.parent.parent, path.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for other in path.parent.glob(f"*{_SUFFIX}"):
            if other != path and other.stat().st_mtime < time.time() - KEPT_SECONDS:
                _remove(other)
        return _locked(path, os.O_CREAT)
    except OSError:
        return None


def _remove(path: Path) -> None:
    descriptor = _locked(path)
    if descriptor is not None:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path, flags: int = 0) -> int | None:
    """Return a file, open and locked; None if another process holds its lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except OSError:
        # Held, or removed by its holder just now.
        pass
    os.close(descriptor)
    return None


def _read(descriptor: int) -> Begun | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        upload_id, part_bytes, file = json.loads(os.pread(descriptor, 1 << 16, 0))
        if isinstance(upload_id, str) and isinstance(part_bytes, int) and part_bytes > 0:
            return Begun(upload_id, part_bytes, tuple(file))
    return None
