"""Folders as bytes: the code of a project on its way to a node, what a run made on its way back."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from attrs import frozen
from pegboard.errors import ConfigError

_LEFT_OUT = {".git", ".hg", ".venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
MOST_BYTES = 256 << 20


@frozen
class Parcel:
    """A packed folder, called by its content."""

    digest: str
    content: bytes


def packed(folder: Path) -> Parcel:
    """Pack a folder: of a git repository what is committed or could be, else all but caches.

    ConfigError if it is too big to be sent with each run.
    """
    out, total = io.BytesIO(), 0
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in sorted(_files(folder)):
            file = folder / name
            total += file.lstat().st_size
            if total > MOST_BYTES:
                raise ConfigError(
                    f"The project in {folder} has more than {MOST_BYTES >> 20} MB, too much to "
                    "be carried to nodes.",
                    hint="Leave data out with .gitignore, or keep the project in a folder that all "
                    "nodes share and set carry to false.",
                )
            archive.add(file, name, recursive=False, filter=_plain)
    content = out.getvalue()
    return Parcel(hashlib.sha256(content).hexdigest(), content)


def _files(folder: Path) -> Iterator[str]:
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
        known = done.stdout.split(b"\0") if done.returncode == 0 else []
    except OSError:
        known = []
    if any(known):
        names = (os.fsdecode(each) for each in known if each)
        # Of a submodule, the folder is named.
        yield from (each for each in names if (folder / each).is_symlink() or is_file(folder, each))
        return
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if each not in _LEFT_OUT]
        for each in files:
            name = (Path(place) / each).relative_to(folder).as_posix()
            if is_file(folder, name):
                yield name


def is_file(folder: Path, name: str) -> bool:
    """Whether there is a file of a name; pipes and sockets are none."""
    return (folder / name).is_file()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Take away what would make another parcel of the same content."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def unpack(file: IO[bytes], folder: Path) -> None:
    """Unpack into a folder; nothing gets out of it."""
    with tarfile.open(fileobj=file, mode="r|") as archive:
        archive.extractall(folder, filter="data")


def pack_outputs(folder: Path, file: IO[bytes]) -> None:
    """Pack what a run made."""
    with tarfile.open(fileobj=file, mode="w|") as archive:
        archive.add(folder, ".")
