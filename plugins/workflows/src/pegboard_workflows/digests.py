"""What files, folders and values hold, as short texts: the same content gives the same text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pegboard.errors import NotFound
from pegboard_projects import ProjectError

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore

_BYTES = 16
_PIECE = 1 << 20


def of_values(values: Any) -> str:
    """Return the digest of plain values, whatever the order of keys."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_BYTES).hexdigest()


def of_file(file: Path) -> str:
    """Return the digest of what a file holds; an error says why it cannot be read."""
    try:
        with file.open("rb") as stream:
            return _of_stream(stream)
    except OSError as error:
        raise ProjectError(f"{file} cannot be read: {error.strerror}.") from error


def of_path(path: Path) -> str:
    """Return the digest of a file, or of a folder with all below it."""
    if not path.is_dir():
        return of_file(path)
    files = (each for each in sorted(path.rglob("*")) if each.is_file())
    return of_values({each.relative_to(path).as_posix(): of_file(each) for each in files})


def of_artifact(store: ArtifactStore, path: str) -> str:
    """Return the digest of a file or folder of a run; NotFound if it is not there.

    It is the same as that of a copy on this machine.
    """
    local = store.local_path(path)
    if local is not None:
        return of_path(local)
    try:
        with store.read(path) as stream:
            return _of_stream(stream)
    except NotFound:
        found = dict(_below(store, path))
        if not found:
            raise
    start = len(path) + 1
    return of_values({file[start:]: digest for file, digest in found.items()})


def _below(store: ArtifactStore, path: str) -> Iterator[tuple[str, str]]:
    for each in store.list(path):
        if each.is_dir:
            yield from _below(store, each.path)
        else:
            with store.read(each.path) as stream:
                yield each.path, _of_stream(stream)


def _of_stream(stream: BinaryIO) -> str:
    made = hashlib.blake2b(digest_size=_BYTES)
    while piece := stream.read(_PIECE):
        made.update(piece)
    return made.hexdigest()


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names whose values differ, and those that only one has."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
