"""Artifact stores: a directory of this machine, and one kept in memory for tests."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from pegboard.contracts.artifacts import ArtifactStore
from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue, NotFound, translate_os_error
from pegboard.paths import below, safe_relative
from pegboard_stores.uploads import PartUploads, PieceUploads

from pegboard_tracking.artifacts.content import (
    DIRECTORY,
    Content,
    IncomingFile,
    is_reserved,
    open_beside,
    scan,
    sweep_unfinished,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from pegboard.uris import Uri

T = TypeVar("T")

_COPY_BYTES = 1 << 20


def open_files(uri: Uri, settings: object) -> FileArtifactStore:
    """Open the directory that a ``file:`` URI or a plain path names; it need not exist yet."""
    del settings
    return FileArtifactStore(uri.local_path())


def open_memory(uri: Uri, settings: object) -> MemoryArtifactStore:
    """Open ``memory:NAME``, or ``memory:NAME/DIRECTORY`` within it.

    Stores of one name share their files, within this process.
    """
    del settings
    name, _, directory = uri.path.strip("/").partition("/")
    with _memories_lock:
        memory = _memories.setdefault(name, _Memory())
    return MemoryArtifactStore(memory, safe_relative(directory))


class FileArtifactStore(ArtifactStore, PieceUploads):
    """The files of a directory."""

    def __init__(self, root: Path) -> None:
        """Use the directory ``root``, which is made with the first file."""
        self._root = root
        self.content = Content(root / DIRECTORY)

    def write(self, path: str, content: BinaryIO) -> FileInfo:
        """Store a file: written under a temporary name beside it, then renamed."""
        relative = _file_path(path)
        target = below(self._root, relative)
        with self._translated(target):
            temporary, descriptor = open_beside(target)
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    shutil.copyfileobj(content, stream, _COPY_BYTES)
                    size = stream.tell()
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                self._prune(target.parent)
                raise
        return FileInfo(relative, is_dir=False, file_size=size)

    # -- files that many places share -----------------------------------------------------------

    def incoming(self, path: str) -> IncomingFile:
        """Begin a file that comes in pieces; it will share its bytes with equal files."""
        relative = _file_path(path)
        with self._translated(below(self._root, relative)):
            return self.content.receive(partial(self._keep, relative))

    def _keep(self, relative: str, received: IncomingFile) -> None:
        # Links may lead elsewhere than when the file began.
        target = below(self._root, relative)
        with self._translated(target):
            try:
                self.content.keep(received, target)
            except BaseException:
                self._prune(target.parent)
                raise

    def ability(self, contract: type[T]) -> T | None:
        """Return the uploads in parts below this directory, or the store itself."""
        if contract is PartUploads:
            from pegboard_tracking.artifacts.content_parts import Parts

            return cast("T", Parts(self.content, self.incoming))
        return super().ability(contract)

    def reclaim(self) -> int:
        """Remove shared content that no file refers to, and what was begun and given up."""
        with self._translated(self._root):
            return self.content.sweep() + sweep_unfinished(self._root)

    # -- files ----------------------------------------------------------------------------------

    def read(self, path: str, *, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file, or a range of its bytes, for reading."""
        _check_range(start, end)
        source = below(self._root, _file_path(path))
        with self._translated(source):
            # Opening a pipe would wait for its writer.
            if not source.is_file():
                raise self._not_found(path)
            try:
                stream = source.open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise self._not_found(path) from None
        if start == 0 and end is None:
            return stream
        stream.seek(start)
        return io.BufferedReader(_Range(stream, None if end is None else max(end - start, 0)))

    def list(self, path: str = "") -> builtins.list[FileInfo]:
        """Return what is directly below a directory; unfinished writes are left out."""
        relative = _unreserved(path)
        directory = below(self._root, relative)
        found = []
        with self._translated(directory):
            for entry in scan(directory):
                name = f"{relative}/{entry.name}" if relative else entry.name
                info = self._info(name, entry)
                if info is not None:
                    found.append(info)
        return sorted(found, key=lambda info: info.path)

    def _info(self, path: str, entry: os.DirEntry[str]) -> FileInfo | None:
        if is_reserved(entry.name) or (entry.is_symlink() and not self._leads_inside(entry)):
            return None
        try:
            # Links to directories are left out: a walk along them may not end.
            if entry.is_dir(follow_symlinks=False):
                return FileInfo(path, is_dir=True) if _holds_files(Path(entry.path)) else None
            if not entry.is_file():
                return None
            return FileInfo(path, is_dir=False, file_size=entry.stat().st_size)
        except FileNotFoundError:
            return None  # Removed meanwhile.

    def _leads_inside(self, entry: os.DirEntry[str]) -> bool:
        try:
            return self._root.resolve() in Path(entry.path).resolve().parents
        except (OSError, RuntimeError):
            return False  # Links that lead in a circle.

    def delete(self, path: str = "") -> int:
        """Remove a file, or all below a directory, and the directories that are left empty."""
        relative = _unreserved(path)
        target = below(self._root, relative)
        with self._translated(target):
            freed = _remove(target)
            self._prune(target if not relative else target.parent)
        return freed

    def _prune(self, directory: Path) -> None:
        """Remove empty directories from here up to and including the root.

        The working directory stays: without it this process could not go on.
        """
        while directory == self._root or self._root in directory.parents:
            with contextlib.suppress(OSError):
                if directory.samefile(os.curdir):
                    return
            try:
                directory.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return
            directory = directory.parent

    def local_path(self, path: str) -> Path | None:
        """Return where a file or directory lies."""
        target = below(self._root, _unreserved(path))
        return target if target.exists() else None

    def _not_found(self, path: str) -> NotFound:
        return NotFound(f"There is no artifact {path!r}.")

    @contextlib.contextmanager
    def _translated(self, path: Path) -> Iterator[None]:
        try:
            yield
        except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
            # The message goes to clients of a server, which must not learn where its files lie.
            raise InvalidValue(
                f"The artifact {path.relative_to(self._root).as_posix()!r} cannot be written: a "
                "file stands where a directory is needed, or a directory where a file is."
            ) from error
        except OSError as error:
            raise translate_os_error(error, path) from error


class _Range(io.RawIOBase):
    """What is left of a stream, up to a number of bytes (None: to its end)."""

    def __init__(self, stream: BinaryIO, length: int | None) -> None:
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        wanted = memoryview(buffer).nbytes
        if self._left is not None:
            wanted = min(wanted, self._left)
        data = self._stream.read(wanted)
        memoryview(buffer).cast("B")[: len(data)] = data
        if self._left is not None:
            self._left -= len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _holds_files(directory: Path) -> bool:
    """Whether a file lies below; a link counts as one."""
    waiting = [directory]
    while waiting:
        for entry in scan(waiting.pop()):
            if is_reserved(entry.name):
                continue
            if not entry.is_dir(follow_symlinks=False):
                return True
            waiting.append(Path(entry.path))
    return False


def _remove(target: Path) -> int:
    """Remove a file, a link, or a directory with all below; return the bytes freed."""
    try:
        status = target.lstat()
        if not stat.S_ISDIR(status.st_mode):
            target.unlink()
            # Other links to the file keep its bytes.
            alone = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
            return status.st_size if alone else 0
    except (FileNotFoundError, NotADirectoryError):
        return 0
    freed = sum(_remove(Path(entry.path)) for entry in builtins.list(scan(target)))
    with contextlib.suppress(OSError):
        # Another writer may just have put a new file into it.
        target.rmdir()
    return freed


class _Memory:
    """The files of one name."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.lock = threading.Lock()


_memories: dict[str, _Memory] = {}
_memories_lock = threading.Lock()


class MemoryArtifactStore(ArtifactStore):
    """Files kept in this process only."""

    def __init__(self, memory: _Memory, root: str) -> None:
        self._memory = memory
        self._root = root

    def _absolute(self, relative: str) -> str:
        return "/".join(part for part in (self._root, relative) if part)

    def write(self, path: str, content: BinaryIO) -> FileInfo:
        """Store a file."""
        relative = _file_path(path)
        buffer = io.BytesIO()
        shutil.copyfileobj(content, buffer, _COPY_BYTES)
        data = buffer.getvalue()
        with self._memory.lock:
            self._memory.files[self._absolute(relative)] = data
        return FileInfo(relative, is_dir=False, file_size=len(data))

    def read(self, path: str, *, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file, or a range of its bytes, for reading."""
        _check_range(start, end)
        data = self._memory.files.get(self._absolute(_file_path(path)))
        if data is None:
            raise NotFound(f"There is no artifact {path!r} in this memory store.")
        return io.BytesIO(data[start:end])

    def list(self, path: str = "") -> builtins.list[FileInfo]:
        """Return what is directly below a directory."""
        relative = safe_relative(path)
        found: dict[str, FileInfo] = {}
        for name, data in self._below(relative):
            first, slash, _ = name.partition("/")
            entry = f"{relative}/{first}" if relative else first
            size = None if slash else len(data)
            found[entry] = FileInfo(entry, is_dir=bool(slash), file_size=size)
        return [found[name] for name in sorted(found)]

    def _below(self, relative: str) -> builtins.list[tuple[str, bytes]]:
        """Return the files below a directory, with their paths relative to it."""
        absolute = self._absolute(relative)
        prefix = f"{absolute}/" if absolute else ""
        with self._memory.lock:
            return [
                (name.removeprefix(prefix), data)
                for name, data in self._memory.files.items()
                if name.startswith(prefix)
            ]

    def delete(self, path: str = "") -> int:
        """Remove a file, or all below a directory."""
        absolute = self._absolute(safe_relative(path))
        prefix = f"{absolute}/" if absolute else ""
        with self._memory.lock:
            files = self._memory.files
            gone = [name for name in files if name == absolute or name.startswith(prefix)]
            return sum(len(files.pop(name)) for name in gone)


def _file_path(path: str) -> str:
    """Return the normal form of a path that names a file."""
    relative = _unreserved(path)
    if not relative:
        raise InvalidValue(f"{path!r} names the root, not a file.")
    return relative


def _unreserved(path: str) -> str:
    """Return the normal form of a path that holds no name of the store's own."""
    relative = safe_relative(path)
    if any(map(is_reserved, relative.split("/"))):
        raise InvalidValue(
            f"The name {path!r} is reserved for the store's own files.",
            hint="Choose another name.",
        )
    return relative


def _check_range(start: int, end: int | None) -> None:
    if start < 0 or (end is not None and end < 0):
        raise InvalidValue(f"A range of bytes cannot begin or end before 0: {start} to {end}.")
