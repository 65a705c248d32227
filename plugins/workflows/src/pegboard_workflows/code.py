"""Which files steps are made of, and what they hold.

By default all files of the project's folder: in a git repository those that git tracks or does not
ignore, elsewhere all that are not hidden. What the tracking store writes there does not count, nor
does the file of the workflow, or of the project: what they say of a step counts by itself.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen
from pegboard_projects import ProjectError

from pegboard_workflows import digests

_MADE_FOLDERS = frozenset(
    {"__pycache__", "mlartifacts", "mlruns", "node_modules", "pegruns", "site-packages"}
)
_MADE = ("*.db", "*.db-*", "*.db.*", "*.pyc")
"""Stores of runs are among them."""


@frozen
class CodeFiles:
    """Files by their names below the project, with their digests, and how they were found."""

    files: Mapping[str, str]
    found: str
    digest: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the digest of all."""
        object.__setattr__(self, "digest", digests.of_values(self.files))

    def __str__(self) -> str:
        """Say which they are."""
        count = len(self.files)
        return f"{count} {'file' if count == 1 else 'files'} ({self.found})"


class Code:
    """The files of a project; what they hold is read once, unless they change."""

    def __init__(self, directory: Path, own: Sequence[Path]) -> None:
        """Look in ``directory``; ``own`` files of the workflow and the project do not count."""
        self._directory, self._own = directory, {file.name for file in own}
        self._known: dict[str, tuple[tuple[int, int, int], str]] = {}
        self._by_patterns: dict[tuple[str, ...] | None, CodeFiles] = {}

    def refresh(self) -> None:
        """Look again at the files, which may have changed."""
        self._by_patterns.clear()

    def of(self, patterns: Sequence[str] | None) -> CodeFiles:
        """Return the files of some patterns, or all; ProjectError for one without any file."""
        key = None if patterns is None else tuple(patterns)
        found = self._by_patterns.get(key)
        if found is None:
            names, how = self._all() if patterns is None else self._matching(patterns)
            digests_of = {name: self._digest(name) for name in sorted(names)}
            contents = {name: digest for name, digest in digests_of.items() if digest}
            found = self._by_patterns[key] = CodeFiles(contents, how)
        return found

    def _all(self) -> tuple[list[str], str]:
        names, how = self._by_git(), "those that git does not ignore"
        if not names:
            # Not a repository; or one that ignores all of the folder, as that of a build may.
            names, how = list(_walked(self._directory)), "all of the folder"
        return [name for name in names if name not in self._own], how

    def _matching(self, patterns: Sequence[str]) -> tuple[list[str], str]:
        names: set[str] = set()
        for pattern in patterns:
            found = set()
            for each in self._directory.glob(pattern):
                name = each.relative_to(self._directory).as_posix()
                found |= {f"{name}/{below}" for below in _walked(each)} if each.is_dir() else {name}
            if not found:
                raise ProjectError(f"No file of the project matches {pattern!r}, of its code.")
            names |= found
        return [*names], f"code: {', '.join(patterns) or 'none'}"

    def _by_git(self) -> list[str]:
        """Return what git tracks or does not ignore, with submodules; [] if it knows nothing."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        words = ["ls-files", "-t", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
        try:
            done = subprocess.run(
                ["git", "-C", str(self._directory), *words],
                env=kept,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except OSError:
            return []
        found = set()
        for entry in os.fsdecode(done.stdout).split("\0"):
            state, _, name = entry.partition(" ")
            file = self._directory / name
            if not name or (state == "?" and _is_left_out(name)):
                continue
            if file.is_dir():
                found |= {f"{name.rstrip('/')}/{below}" for below in _walked(file)}
            elif file.is_file():
                found.add(name)
        return [*found]

    def _digest(self, name: str) -> str:
        """Return the digest of a file; "" if it is gone meanwhile."""
        file = self._directory / name
        try:
            stat = file.stat()
        except FileNotFoundError:
            return ""
        mark = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        known = self._known.get(name)
        if known is None or known[0] != mark:
            known = self._known[name] = (mark, digests.of_file(file))
        return known[1]


def _walked(directory: Path) -> Iterator[str]:
    for place, folders, files in os.walk(directory):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and not _is_left_out(name)
            and not Path(place, name, "pyvenv.cfg").exists()
        )
        below = Path(place).relative_to(directory)
        for name in files:
            if not name.startswith(".") and not _is_left_out(name):
                yield (below / name).as_posix()


def _is_left_out(name: str) -> bool:
    """Whether a file that nobody asked git to track was made, and not written by people."""
    return any(
        part in _MADE_FOLDERS or any(fnmatch.fnmatch(part, pattern) for pattern in _MADE)
        for part in name.split("/")
    )
