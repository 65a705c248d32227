"""Content that equal files share: each is kept once, by its SHA-256.

A file that came in is a hard link to its blob in ``.pegboard-content/blobs``. So every file is a
plain one that any tool reads, equal files take their space once, and a blob with a single link is
one that no file needs. Files are made read-only, as a change in place would change all that share.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pegboard.errors import translate_os_error
from pegboard_stores.uploads import Incoming

DIRECTORY = ".pegboard-content"
"""The directory below a store's root that holds all this; its name is reserved."""
GIVEN_UP_SECONDS = 24 * 3600.0
"""How long nothing happened to an upload that will not be taken up again."""

_PREFIX, _SUFFIX = ".pegboard-", ".part"
_ATTEMPTS = 100
"""How often to make a directory again that others prune at the same moment."""
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
"""What file systems say that know no hard links."""
_WRITABLE = 0o222


def is_reserved(name: str) -> bool:
    """Whether a name is one of those that only the store itself uses."""
    # Some file systems take capital letters for small ones.
    name = name.lower()
    return name == DIRECTORY or (name.startswith(_PREFIX) and name.endswith(_SUFFIX))


def _new_name() -> str:
    return f"{_PREFIX}{os.urandom(8).hex()}{_SUFFIX}"


def open_beside(target: Path) -> tuple[Path, int]:
    """Make a new file with a temporary name beside another, and the directories above."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    for attempt in range(_ATTEMPTS):
        temporary = target.with_name(_new_name())
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, flags, 0o666)
        except (FileNotFoundError, FileExistsError):
            # Someone who deletes may prune the directory between any two steps.
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            _lock(descriptor)
            return temporary, descriptor
    raise AssertionError("unreachable")


def _lock(descriptor: int) -> bool:
    """Mark a file as in use while it is open; False if it is."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks: the age alone has to tell.
        return True
    return True


def sweep_unfinished(root: Path, given_up_seconds: float = GIVEN_UP_SECONDS) -> int:
    """Remove what writers that were killed left beside their files; return the bytes freed.

    These are files that no process has open and that did not change for long.
    """
    limit = time.time() - given_up_seconds
    freed, waiting = 0, [root]
    while waiting:
        # What may not be looked into is left alone.
        with contextlib.suppress(PermissionError):
            for entry in scan(waiting.pop()):
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != DIRECTORY:
                        waiting.append(Path(entry.path))
                elif is_reserved(entry.name):
                    freed += _remove_unfinished(Path(entry.path), limit)
    return freed


def _remove_unfinished(path: Path, limit: float) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        # Not when it was written: a link just made is as old as what it leads to.
        if os.fstat(descriptor).st_ctime >= limit or not _lock(descriptor):
            return 0
        return _remove(path)
    except FileNotFoundError:
        return 0
    finally:
        os.close(descriptor)


class IncomingFile(Incoming):
    """A file that comes in pieces; it lies at ``path`` until ``place`` gives it its place."""

    def __init__(
        self, path: Path, descriptor: int, place: Callable[[IncomingFile], object]
    ) -> None:
        self.path = path
        self._place = place
        self.size = 0
        self._descriptor = descriptor
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        self._open = True

    def write(self, *pieces: bytes) -> None:
        """Append some bytes; nothing if it was discarded meanwhile."""
        with self._lock:
            if not self._open:
                return
            try:
                for piece in pieces:
                    self._hash.update(piece)
                    left = memoryview(piece)
                    while left:
                        left = left[os.write(self._descriptor, left) :]
                    self.size += len(piece)
            except OSError as error:
                raise translate_os_error(error, self.path) from error

    def keep(self) -> None:
        """Give the file its place; after an error it is discarded."""
        try:
            self._place(self)
        except BaseException:
            self.discard()
            raise

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """End writing; the file must not change any more."""
        with self._lock:
            if self._open:
                self._open = False
                mode = os.fstat(self._descriptor).st_mode & 0o777
                os.fchmod(self._descriptor, mode & ~_WRITABLE)
                os.close(self._descriptor)

    def discard(self) -> None:
        """Remove what came; nothing happens if it was kept before."""
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._descriptor)
        self.path.unlink(missing_ok=True)


class Content:
    """The shared content of a directory of files."""

    def __init__(self, directory: Path) -> None:
        """Use ``directory``, which is made with the first file."""
        self._blobs = directory / "blobs"
        self.incoming = directory / "incoming"

    def receive(
        self, place: Callable[[IncomingFile], object], directory: Path | None = None
    ) -> IncomingFile:
        """Begin a file, which ``place`` will keep; it lies in ``directory`` until then."""
        return IncomingFile(*open_beside((directory or self.incoming) / "x"), place)

    def keep(self, received: IncomingFile, target: Path) -> None:
        """Put what was received in the place of ``target``, at once."""
        received.close()
        blob = self._blobs / received.digest[:2] / received.digest
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    self._share(received, blob)
                    _link(blob, target)
                    break
                except FileNotFoundError:
                    # Swept between the two steps, or a directory was pruned.
                    if attempt == _ATTEMPTS - 1:
                        raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            target.parent.mkdir(parents=True, exist_ok=True)
            received.path.replace(target)
        received.path.unlink(missing_ok=True)

    @staticmethod
    def _share(received: IncomingFile, blob: Path) -> None:
        """See to it that there is a blob, which can be linked to once more."""
        blob.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(received.path, blob)
        except FileExistsError:
            status = blob.stat()
            if status.st_size != received.size or status.st_nlink >= os.pathconf(
                blob, "PC_LINK_MAX"
            ):
                # Damaged by hand, or as many files share it as the file system allows.
                spare = blob.with_name(_new_name())
                os.link(received.path, spare)
                spare.replace(blob)

    def sweep(self, given_up_seconds: float = GIVEN_UP_SECONDS) -> int:
        """Remove blobs that no file needs and uploads that were given up; return the bytes freed.

        A file that comes in at the same moment is safe: until it is in place it holds another link
        to its content.
        """
        limit = time.time() - given_up_seconds
        freed = 0
        for entry in scan(self.incoming):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < limit:
                    freed += _remove(Path(entry.path))
        for directory in scan(self._blobs):
            for blob in scan(Path(directory.path)):
                with contextlib.suppress(FileNotFoundError):
                    # What an entry of a directory knows of itself may be old, or incomplete.
                    status = os.lstat(blob.path)
                    if status.st_nlink == 1:
                        os.unlink(blob.path)  # noqa: PTH108 (a million of them)
                        freed += status.st_size
            with contextlib.suppress(OSError):
                Path(directory.path).rmdir()
        return freed


def _link(source: Path, target: Path) -> None:
    temporary = target.with_name(_new_name())
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, temporary)
    try:
        temporary.replace(target)
    finally:
        # Renaming onto another link to the same content does nothing.
        temporary.unlink(missing_ok=True)


def scan(directory: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a directory; nothing if it is not a directory."""
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return


def _remove(path: Path) -> int:
    """Remove an upload, a file or a directory of parts; return the bytes freed."""
    if path.is_dir() and not path.is_symlink():
        freed = sum(part.stat().st_size for part in path.iterdir() if part.is_file())
        shutil.rmtree(path, ignore_errors=True)
        return freed
    status = path.lstat()
    path.unlink()
    return status.st_size if status.st_nlink == 1 else 0
