"""The contract of artifact stores: where files are kept."""

from __future__ import annotations

import builtins
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pegboard.contracts.ability import Able
from pegboard.entities import FileInfo
from pegboard.paths import safe_relative


class ArtifactStore(Able, ABC):
    """Files below a root, the URI that the store was opened with.

    Paths are relative, with ``/`` between parts; the root is ``""``. A path that would climb out
    raises UnsafePath (``pegboard.paths`` does the check). There are no empty directories: one
    exists as long as a file is below it.
    """

    @abstractmethod
    def write(self, path: str, content: BinaryIO) -> FileInfo:
        """Store a file, replacing one of the same path at once: readers see the old or the new."""

    @abstractmethod
    def read(self, path: str, *, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file for reading, from byte ``start`` up to but without ``end``; else NotFound.

        A range that reaches past the end of the file is cut there.
        """

    @abstractmethod
    def list(self, path: str = "") -> builtins.list[FileInfo]:
        """Return what is directly below a directory, sorted by path.

        Empty for a file and for a path that is not there.
        """

    @abstractmethod
    def delete(self, path: str = "") -> int:
        """Remove a file, or all below a directory; return the bytes freed, 0 if there is none."""

    def local_path(self, path: str) -> Path | None:
        """Return where a file or directory lies on this machine.

        None if there is none at this path, or the store is not one of local files. What ``read``
        returns for a path that has one is an open file of this system.
        """
        del path
        return None

    def reclaim(self) -> int:
        """Give up what nothing refers to any more; return the bytes freed."""
        return 0

    def walk(self, path: str = "") -> Iterator[FileInfo]:
        """Yield every file at or below a path."""
        entries = self.list(path)
        normal = safe_relative(path)
        if normal and not entries:
            beside = self.list(posixpath.dirname(normal))
            entries = [entry for entry in beside if entry.path == normal and not entry.is_dir]
        for entry in entries:
            if entry.is_dir:
                yield from self.walk(entry.path)
            else:
                yield entry
