"""Plain files and directories."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue, NotFound, translate_os_error

from pegboard_context.datasets import common

if TYPE_CHECKING:
    from pegboard.entities import Dataset

_WHOLE_BYTES = 64 << 20
"""A file up to this size is read whole."""
_BLOCKS = 64
_BLOCK_BYTES = 1 << 20
_FILES_READ = 1000
"""How many files of a directory have their contents read."""


def describe(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    source: str | os.PathLike[str] | None = None,
    targets: None = None,
    digest: str | None = None,
    whole: bool = False,
) -> Dataset:
    """Describe a file, or a directory with all below it.

    The name defaults to that of the file, the source to its path. The digest covers all names and
    sizes. Contents are sampled where they are large: of a file above 64 MiB, 64 blocks of 1 MiB
    spread evenly; of a directory, 1,000 files spread evenly. ``sampled`` in the profile says if
    that was so; with ``whole`` everything is read.
    """
    if targets is not None:
        raise InvalidValue("A file has no columns, so no targets can be named.")
    root = Path(path)
    try:
        files = list(_files(root))
        taken = files if whole else files[:: max(1, -(-len(files) // _FILES_READ))]
        sampled = len(taken) < len(files) or (
            not whole and any(size > _WHOLE_BYTES for _, size in taken)
        )
        computed = digest or _digest(root, files, taken, whole=whole)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file or directory {error.filename or root}.") from error
    except OSError as error:
        raise translate_os_error(error, root) from error
    profile: dict[str, Any] = {
        "num_files": len(files),
        "num_bytes": sum(size for _, size in files),
        "sampled": sampled,
    }
    return common.dataset(
        name=name or root.absolute().name,
        digest=computed,
        source=common.source_of(path if source is None else source),
        schema=None,
        profile=profile,
    )


def _files(root: Path) -> Iterator[tuple[str, int]]:
    """Yield (relative path, size) of all regular files, sorted; links are not followed down."""
    status = root.stat()
    if not stat.S_ISDIR(status.st_mode):
        if not stat.S_ISREG(status.st_mode):
            raise InvalidValue(f"{root} is neither a file nor a directory.")
        yield "", status.st_size
        return
    yield from sorted(_below(root, ""))


def _below(directory: Path, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), f"{prefix}{entry.name}/")
            elif entry.is_file():
                yield f"{prefix}{entry.name}", entry.stat().st_size


def _digest(
    root: Path, files: list[tuple[str, int]], taken: list[tuple[str, int]], *, whole: bool
) -> str:
    digest = hashlib.sha256()
    for name, size in files:
        digest.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
    for name, size in taken:
        with (root / name if name else root).open("rb") as stream:
            if whole or size <= _WHOLE_BYTES:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
            else:
                for block in range(_BLOCKS):
                    stream.seek(block * (size - _BLOCK_BYTES) // (_BLOCKS - 1))
                    digest.update(stream.read(_BLOCK_BYTES))
    return digest.hexdigest()[:16]
