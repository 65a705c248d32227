"""What the tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_testing.isolation import separate_tracking


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Track to a new store, in a new directory that is the current one; ``python`` is this one."""
    scripts = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([scripts, os.environ["PATH"]]))
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    with separate_tracking(tmp_path):
        yield tmp_path


def git(place: Path, *words: str) -> str:
    """Run git in a folder, as somebody."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    names = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *names, *words], cwd=place, env=clean, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def project(place: Path, **files: str) -> Path:
    """Write a project: ``MLproject`` and files by name, with ``_`` for the dot before a suffix."""
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name.replace("_", ".")).write_text(text)
    return place
