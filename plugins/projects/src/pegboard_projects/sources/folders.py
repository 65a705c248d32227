"""The code of a folder that no git repository keeps, packed: bounded, and equal for equal files.

Not packed is what is made anew (caches, environments, what git ignores), what is not code (stores
of runs, databases, large files), what may hold secrets, and links, which may lead anywhere.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from attrs import frozen
from pegboard.errors import ConfigError

MOST_FILE_BYTES, MOST_BYTES, MOST_FILES = 4 << 20, 32 << 20, 5_000
_PASSED = {
    ".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", ".tox", ".nox", ".eggs",
    ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", "pegruns", "mlruns",
}  # fmt: skip
_MARKS = ("pyvenv.cfg", "conda-meta", ".pegboard-content")
"""What an environment, or a store of artifacts, has in it."""
_SECRET = (
    ".env",
    ".env.*",
    ".netrc",
    ".npmrc",
    ".pypirc",
    "*.pem",
    "*.key",
    "id_rsa",
    "id_ed25519",
)
_DATABASE = b"SQLite format 3\0"
_BESIDE_DATABASE = ("-wal", "-shm", "-journal")
_MOST_NAMED = 50
_DAY = (1980, 1, 1, 0, 0, 0)
"""The time of all entries: equal files make an equal archive."""


@frozen
class Packed:
    """A zip file of a folder; ``left_out`` names what is not in it and why, as people should know.

    It does not name what is never code: caches, environments, stores and what git ignores.
    """

    content: bytes
    left_out: Sequence[str]


def pack(root: Path) -> Packed:
    """Pack the files of a folder."""
    buffer, left_out, size, count = io.BytesIO(), list[str](), 0, 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, status in _files(root):
            if not (why := _unwanted(root / name, status)):
                full = count >= MOST_FILES or size + status.st_size > MOST_BYTES
                why = "beyond what is kept" if full else ""
            if not why:
                try:
                    content = (root / name).read_bytes()
                except OSError as error:
                    why = error.strerror or "cannot be read"
                else:
                    why = "a database" if content.startswith(_DATABASE) else ""
            if why:
                left_out.append(f"{name} ({why})")
                continue
            entry = zipfile.ZipInfo(name, _DAY)
            entry.external_attr = (0o755 if status.st_mode & 0o100 else 0o644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
            size, count = size + len(content), count + 1
    if len(left_out) > _MOST_NAMED:
        left_out[_MOST_NAMED:] = [f"{len(left_out) - _MOST_NAMED} more"]
    return Packed(buffer.getvalue(), left_out)


def _unwanted(file: Path, status: os.stat_result) -> str:
    """Return why a file is not packed, without a look into it; "" if it is."""
    if stat.S_ISLNK(status.st_mode):
        return "a link"
    if any(fnmatch(file.name, pattern) for pattern in _SECRET):
        return "may hold secrets"
    if any(file.name.endswith(end) for end in _BESIDE_DATABASE):
        return "of a database"
    if status.st_size > MOST_FILE_BYTES:
        return f"{status.st_size / 1e6:.1f} MB"
    return ""


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files and links below a folder that may be code, with ``/`` in their names."""
    ignored = _ignored(root)
    for folder, folders, names in os.walk(root):
        above = Path(folder).relative_to(root)
        folders.sort()
        for name in folders[:]:
            place = Path(folder, name)
            if place.is_symlink():
                names.append(name)
            elif (
                name not in _PASSED
                and (above / name).as_posix() not in ignored
                and not any((place / mark).exists() for mark in _MARKS)
            ):
                continue
            folders.remove(name)
        for name in sorted(names):
            relative = (above / name).as_posix()
            if relative not in ignored:
                status = Path(folder, name).lstat()
                if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    yield relative, status


def _ignored(root: Path) -> set[str]:
    """Return what git would ignore, though the folder is not a repository."""
    if not (root / ".gitignore").is_file():
        return set()
    from pegboard_projects.sources.git import tried

    with tempfile.TemporaryDirectory(prefix="pegboard-ignored-") as empty:
        place = (f"--git-dir={empty}", f"--work-tree={root}")
        listed = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
        try:
            tried(root, "init", "--quiet", "--bare", "--", empty)
            found = tried(root, *place, *listed).stdout.split("\0")
        except ConfigError:
            # Without git nobody reads the file; the bounds hold.
            return set()
    return {name.rstrip("/") for name in found if name}
