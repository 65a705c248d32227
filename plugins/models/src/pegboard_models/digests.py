"""What a model's files weigh, and what identifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pegboard_models.model_files import FILE_NAME

_CHUNK = 1024 * 1024


def _files(directory: Path) -> Iterator[Path]:
    for file in sorted(directory.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def total_size(directory: Path) -> int:
    """Return the size of all files below a directory, in bytes."""
    return sum(file.stat().st_size for file in _files(directory))


def digest(directory: Path) -> str:
    """Return ``sha256:HEX`` of the paths, sizes and contents of a model's files, but ``MLmodel``.

    It is the same for the same files, whenever and wherever they were logged.
    """
    whole = hashlib.sha256()
    for file in _files(directory):
        relative = file.relative_to(directory).as_posix()
        if relative == FILE_NAME:
            continue
        content = hashlib.sha256()
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                content.update(chunk)
        whole.update(f"{relative}\0{file.stat().st_size}\0{content.hexdigest()}\n".encode())
    return f"sha256:{whole.hexdigest()}"
