"""What files hold, as short texts: the same content gives the same text, whatever the clock says.

Large files are not read again while size, time and number of the file are those of the last time;
a file that changed within two seconds before it was read is, as clocks of file systems are coarse.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

_SMALL = 64 * 1024
_PIECE = 1 << 20
_COARSE_NS = 2_000_000_000


def of_text(text: str) -> str:
    """Return the digest of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def of_values(values: Any) -> str:
    """Return the digest of plain values, whatever the order of keys."""
    return of_text(json.dumps(values, sort_keys=True, default=str))


def of_file(file: Path) -> str:
    """Return the digest of what a file holds."""
    made = hashlib.blake2b(digest_size=16)
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            made.update(piece)
    return made.hexdigest()


@define
class Memory:
    """Digests of files that are known already, kept in a file of its own."""

    file: Path
    _known: dict[str, Any] | None = None
    _changed: bool = field(default=False, init=False)

    def digest(self, path: Path) -> str:
        """Return the digest of a file."""
        stat = path.stat()
        if stat.st_size <= _SMALL:
            return of_file(path)
        if self._known is None:
            self._known = _read(self.file)
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        known = self._known.get(str(path))
        if known is not None and known[:3] == mark:
            return str(known[3])
        found = of_file(path)
        last = max(stat.st_mtime_ns, stat.st_ctime_ns)
        if time.time_ns() - last > _COARSE_NS:
            self._known[str(path)] = [*mark, found]
            self._changed = True
        return found

    def of_files(self, files: Iterable[Path], root: Path) -> dict[str, str]:
        """Return the digests of files by their names, which are relative to ``root`` if below."""
        return {named(file, root): self.digest(file) for file in files}

    def save(self) -> None:
        """Keep what is known for the next time; that it cannot be kept costs only time."""
        if self._changed:
            with contextlib.suppress(OSError):
                write_whole(self.file, json.dumps(self._known))
            self._changed = False


def named(file: Path, root: Path) -> str:
    """Return the name of a file in messages and states: relative to the root, if it is below."""
    try:
        return file.relative_to(root).as_posix()
    except ValueError:
        return file.as_posix()


def write_whole(file: Path, text: str) -> None:
    """Write a file so that it holds either what it did or all of the new text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(known, dict):
            return {k: v for k, v in known.items() if isinstance(v, list) and len(v) == 4}
    return {}


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names whose digests differ, and those that only one has."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
