"""Files between this machine and an artifact store, in bounded memory."""

from __future__ import annotations

import io
import posixpath
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard import paths
from pegboard.errors import InvalidValue, NotFound

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore

_CHUNK = 1024 * 1024


def upload(store: ArtifactStore, source: Path, directory: str = "") -> None:
    """Store a file, or a directory with its name, below ``directory``.

    Nothing is stored if one of the files cannot be.
    """
    for file, path in checked(files(source, directory)):
        upload_file(store, file, path)


def checked(found: Iterable[tuple[Path, str]]) -> list[tuple[Path, str]]:
    """Return files with their paths in a store; InvalidValue, UnsafePath if one cannot be stored.

    So that a bad one is refused before the first of the others is sent.
    """
    whole = []
    for file, path in found:
        _check_file(file)
        whole.append((file, paths.safe_relative(path)))
    return whole


def files(source: Path, directory: str = "") -> Iterator[tuple[Path, str]]:
    """Yield the files that ``upload`` stores, each with its path in the store."""
    if source.is_dir():
        yield from _content(source, posixpath.join(directory, source.resolve().name))
    else:
        yield source, posixpath.join(directory, source.name)


def upload_file(
    store: ArtifactStore, source: Path, path: str, advance: Callable[[int], None] | None = None
) -> None:
    """Store one file as ``path``; ``advance`` receives the bytes read since its last call."""
    _check_file(source)
    with source.open("rb") if advance is None else _Watched(source, advance) as content:
        store.write(paths.safe_relative(path), content)


def _check_file(source: Path) -> None:
    if not source.is_file():
        what = "is not a regular file" if source.exists() else "does not exist"
        raise InvalidValue(f"Cannot log {str(source)!r}: it {what}.")


class _Watched(io.BufferedReader):
    """A file that reports how far it was read."""

    def __init__(self, source: Path, advance: Callable[[int], None]) -> None:
        super().__init__(io.FileIO(source))
        self._advance = advance
        self._furthest = 0

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, at most ``size``."""
        data = super().read(size)
        # What is sent once more after a fault counts once.
        if (position := self.tell()) > self._furthest:
            self._advance(position - self._furthest)
            self._furthest = position
        return data


def upload_content(store: ArtifactStore, source: Path, directory: str = "") -> None:
    """Store every file below the directory ``source``, under the same relative paths.

    Links are followed, but not those to a directory that they lie in. Nothing is stored if one of
    the files cannot be.
    """
    if not source.is_dir():
        raise InvalidValue(f"Cannot log the files of {str(source)!r}: it is not a directory.")
    for file, path in checked(_content(source, directory)):
        upload_file(store, file, path)


def _content(source: Path, directory: str) -> Iterator[tuple[Path, str]]:
    for file in _files_below(source):
        yield file, posixpath.join(directory, file.relative_to(source).as_posix())


def _files_below(directory: Path, around: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yield all but directories; ``around`` are the directories that led here, links resolved."""
    real = directory.resolve()
    if real in around:
        return
    for entry in sorted(directory.iterdir()):
        if entry.is_dir():
            yield from _files_below(entry, around | {real})
        else:
            yield entry


def download(store: ArtifactStore, path: str, destination: Path) -> Path:
    """Copy a file, or all below a directory, to ``destination/path``; return that path.

    NotFound if there is nothing of that path; the root may be empty. Whatever paths the store
    names, nothing is written outside ``destination``.
    """
    path = paths.safe_relative(path)
    target = paths.below(destination, path)
    if store.list(path):
        for entry in store.walk(path):
            _download_file(store, entry.path, paths.below(destination, entry.path))
    elif path:
        _download_file(store, path, target)
    else:
        target.mkdir(parents=True, exist_ok=True)
    return target


def _download_file(store: ArtifactStore, path: str, target: Path) -> None:
    import shutil

    with store.read(path) as content:
        target.parent.mkdir(parents=True, exist_ok=True)
        # A file that is only half there must not look like the whole.
        partial = target.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with partial.open("xb") as output:
                shutil.copyfileobj(content, output, _CHUNK)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def read_bytes(store: ArtifactStore, path: str) -> bytes:
    """Return the whole content of a file; NotFound if there is none."""
    with store.read(paths.safe_relative(path)) as content:
        return content.read()


def exists(store: ArtifactStore, path: str) -> bool:
    """Whether there is a file of that path."""
    try:
        store.read(path, end=0).close()
    except NotFound:
        return False
    return True


@contextmanager
def staged(store: ArtifactStore, path: paths.RelativePath) -> Iterator[Path]:
    """Give a local path to write a file to, which is then stored as ``path``.

    For libraries that choose the format by the file's suffix, or write to files only.
    """
    import tempfile

    path = paths.safe_relative(path)
    with tempfile.TemporaryDirectory(prefix="pegboard-") as directory:
        local = Path(directory, posixpath.basename(path))
        yield local
        upload_file(store, local, path)
