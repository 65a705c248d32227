"""What the working tree of a repository has that its commit has not, as git tells it."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

    from pegboard_context.git import Repository

PATCH_BYTES = 1 << 20
"""The longest patch that is kept."""

_FRESH_SECONDS = 30.0
"""For how long an answer also serves other runs of the process."""

_DIFF = (
    "diff",
    "HEAD",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--submodule=diff",
    "--ignore-submodules=untracked",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


@frozen
class Changes:
    """Changes of tracked files; untracked files do not count.

    ``patch`` is for ``git apply``. Files beyond ``PATCH_BYTES`` are left out of it.
    """

    dirty: bool
    patch: bytes


class Question:
    """A question to git that is being answered."""

    def __init__(self, root: Path) -> None:
        """Ask about the working tree at ``root``; the answer is made in another process."""
        self._lock = threading.Lock()
        self._answer: Changes | None = None
        self._process: Popen[bytes] | None = _run_git(root)

    def answer(self) -> Changes | None:
        """Wait for the answer; None if git is missing or refuses."""
        with self._lock:
            if self._process is not None:
                self._answer = _read(self._process)
                self._process = None
            return self._answer


_asked: dict[tuple[Path, str], tuple[float, Question]] = {}
_asked_lock = threading.Lock()


def ask(repository: Repository) -> Question | None:
    """Ask for the changes since the current commit; None if there is no commit.

    Runs of one process that start within seconds of each other share one answer.
    """
    commit, _ = repository.head()
    if commit is None:
        return None
    key, now = (repository.root, commit), time.monotonic()
    with _asked_lock:
        asked, question = _asked.get(key, (0.0, None))
        if question is None or now - asked > _FRESH_SECONDS:
            _asked.clear()
            question = Question(repository.root)
            _asked[key] = (now, question)
        return question


def _run_git(root: Path) -> Popen[bytes] | None:
    import subprocess

    # Variables such as GIT_DIR, set when a git hook runs us, would lead to another repository.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        return subprocess.Popen(
            ["git", "--no-optional-locks", "-C", os.fspath(root), *_DIFF],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError:
        return None


def _read(process: Popen[bytes]) -> Changes | None:
    with process:
        assert process.stdout is not None
        patch = process.stdout.read(PATCH_BYTES + 1)
        if len(patch) > PATCH_BYTES:
            process.kill()
            return Changes(dirty=True, patch=_cut(patch))
    return Changes(dirty=bool(patch), patch=patch) if process.returncode == 0 else None


def _cut(patch: bytes) -> bytes:
    """Return the whole files at the front of a patch, under a line that says so."""
    kept = patch[: patch.rfind(b"\ndiff --git ", 0, PATCH_BYTES) + 1]
    return b"# The changes are longer than this patch, which leaves files out.\n" + kept
