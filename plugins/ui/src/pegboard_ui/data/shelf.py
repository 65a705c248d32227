"""The files of a run as a whole: how many, how large, and which came last.

Only where files lie on the server's own disk: elsewhere each directory is a request. The walk is
bounded; a run with more files has lower bounds, and ``cut``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from pegboard_wire.places import Place

MOST_WALKED = 5_000
MOST_NEWEST = 12
MOST_MODELS = 50
_TOGETHER = 5
"""From how many files on a directory is listed as one entry."""
_MODEL = "MLmodel"
_OUTPUTS = frozenset({"output.txt", "stdout.txt", "stderr.txt", "console.txt"})


@frozen
class _Entry:
    """A file: its path below the run, its size in bytes, when it was written (ms)."""

    path: str
    size: int
    modified: int


@frozen
class Shelf:
    """Files below a directory."""

    files: list[_Entry] = field(factory=list)
    is_cut: bool = False

    def json(self) -> dict[str, Any]:
        """Return what a page shows of it."""
        return {
            "count": len(self.files),
            "bytes": sum(file.size for file in self.files),
            "cut": self.is_cut,
            "newest": self._newest(),
            "models": self._models()[:MOST_MODELS],
            "output": self._output(),
        }

    def _models(self) -> list[str]:
        """Return the directories that hold a model."""
        found = (file.path.rpartition("/") for file in self.files)
        return sorted(folder for folder, _, name in found if name == _MODEL and folder)

    def _newest(self) -> list[dict[str, Any]]:
        """Return the files written last; a directory of many, and a model, as one."""
        models = self._models()
        groups: dict[tuple[str, bool], list[_Entry]] = defaultdict(list)
        folders: dict[str, int] = defaultdict(int)
        for file in self.files:
            folders[file.path.rpartition("/")[0]] += 1
        for file in self.files:
            folder = file.path.rpartition("/")[0]
            model = next((m for m in models if file.path.startswith(f"{m}/")), None)
            if model is not None:
                groups[model, True].append(file)
            elif folder and folders[folder] >= _TOGETHER:
                groups[folder, True].append(file)
            else:
                groups[file.path, False].append(file)
        told: list[dict[str, Any]] = [
            {
                "path": path,
                "is_dir": is_dir,
                "files": len(files),
                "size": sum(file.size for file in files),
                "modified": max(file.modified for file in files),
            }
            for (path, is_dir), files in groups.items()
        ]
        told.sort(key=lambda each: (-each["modified"], each["path"]))
        return told[:MOST_NEWEST]

    def _output(self) -> dict[str, Any] | None:
        """Return the file that seems to hold what the run printed, the one written last."""
        found = [
            file
            for file in self.files
            if file.path.lower().endswith((".log", ".out"))
            or file.path.rpartition("/")[2].lower() in _OUTPUTS
        ]
        last = max(found, key=lambda file: (file.modified, file.path), default=None)
        if last is None:
            return None
        return {"path": last.path, "size": last.size, "modified": last.modified}


def shelf_of(place: Place) -> Shelf | None:
    """Return the files of a place; None if they are not on this machine."""
    root = place.store.local_path(place.directory)
    if root is None or not root.is_dir():
        # Without any file there is no directory, which local stores and others say alike.
        return None
    files: list[_Entry] = []
    waiting = [root]
    while waiting:
        directory = waiting.pop()
        try:
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if len(files) >= MOST_WALKED:
                return Shelf(files, is_cut=True)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                files.append(_entry(root, entry))
    return Shelf(files)


def _entry(root: Path, entry: os.DirEntry[str]) -> _Entry:
    status = entry.stat(follow_symlinks=False)
    path = Path(entry.path).relative_to(root).as_posix()
    return _Entry(path, status.st_size, status.st_mtime_ns // 1_000_000)
