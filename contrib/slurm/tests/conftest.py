"""A cluster of one machine, made of stand-ins on PATH."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from attrs import frozen
from pegboard_slurm.settings import Settings

COMMANDS = ("sbatch", "squeue", "sacct", "scancel")


@frozen
class Cluster:
    """Where it is; ``settings`` suit it."""

    root: Path
    settings: Settings

    def has(self, name: str, text: str = "") -> None:
        """Say how it is from now on; see ``stand_in``."""
        (self.root / name).write_text(text)

    def words(self, number: int) -> list[str]:
        """Return the words that sbatch was called with."""
        return (self.root / "jobs" / str(number) / "words").read_text().splitlines()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    root = tmp_path / "cluster"
    for folder in ("bin", "jobs"):
        (root / folder).mkdir(parents=True)
    text = Path(__file__).with_name("stand_in.py").read_text()
    for name in COMMANDS:
        file = root / "bin" / name
        file.write_text(f"#!{sys.executable} -IS\n{text}")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(root / "bin"), os.environ["PATH"]]))
    return Cluster(root, Settings(directory=str(tmp_path / "shared 100%"), poll_seconds=0.05))
