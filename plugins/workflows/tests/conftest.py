"""What the tests share."""

from __future__ import annotations

import os
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


def write(folder: Path, workflow: str, **files: str) -> Path:
    """Write a workflow, and files by name, with ``_`` for the dot before a suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workflow.yaml").write_text(workflow)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder
