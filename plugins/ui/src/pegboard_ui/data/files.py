"""Files of runs and logged models, opened for a look: never more of them than is asked for."""

from __future__ import annotations

import io
import posixpath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from attrs import frozen
from pegboard.errors import InvalidValue, NotFound
from pegboard_wire import places
from pegboard_wire.requests import store_of

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard_wire.http import Call

_READ_AHEAD = 256 << 10


@frozen
class File:
    """A file of an artifact store."""

    store: ArtifactStore
    path: str
    size: int | None
    """In bytes; None if the store cannot tell."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(self.path)

    def open(self, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a range of the file."""
        return self.store.read(self.path, start=start, end=end)

    def read(self, start: int, count: int) -> bytes:
        """Return up to ``size`` bytes from a position on."""
        if self.size is not None and start >= self.size:
            return b""
        pieces, left = [], count
        with self.open(start, start + count) as stream:
            while left and (piece := stream.read(left)):
                pieces.append(piece)
                left -= len(piece)
        return b"".join(pieces)

    def seekable(self) -> BinaryIO:
        """Open the file for readers that jump about in it."""
        if self.store.local_path(self.path) is not None:
            return self.open()
        if self.size is None:
            raise InvalidValue(f"The place of {self.name!r} does not say how long the file is.")
        return io.BufferedReader(cast("io.RawIOBase", _Ranges(self, self.size)), _READ_AHEAD)


def find(call: Call, run_id: str, model_id: str, path: str) -> File:
    """Return a file of a run or a logged model; NotFound, and InvalidValue for a directory."""
    if bool(run_id) is bool(model_id):
        raise InvalidValue("Name either the run or the logged model whose file is meant.")
    store = store_of(call)
    if run_id:
        location = store.get_run(run_id).info.artifact_uri
    else:
        location = store.logged_models().get(model_id).artifact_location
    place = places.place_of(call, location)
    whole = place.path(path)
    if whole == place.directory:
        raise InvalidValue("The field 'path' names no file.")
    local = place.store.local_path(whole)
    if local is not None and local.is_file():
        return File(place.store, whole, local.stat().st_size)
    for found in place.store.list(posixpath.dirname(whole)):
        if found.path == whole and not found.is_dir:
            return File(place.store, whole, found.file_size)
        if found.path == whole:
            raise InvalidValue(f"{path!r} is a directory, not a file.")
    raise NotFound(f"There is no artifact {path!r}.").about("no_artifact", path=path)


class _Ranges(io.RawIOBase):
    """A file that is read range by range, with one request for each."""

    def __init__(self, file: File, size: int) -> None:
        super().__init__()
        self._file, self._size, self._at = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(self._at, len(buffer))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
