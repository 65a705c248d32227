"""A machine with docker, made of a stand-in on PATH."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from attrs import frozen

IMAGE = "python:3.12"


@frozen
class Machine:
    """Where its images and containers are."""

    root: Path

    def calls(self, command: str) -> list[list[str]]:
        """Return the words of each call of a command."""
        lines = (self.root / "calls").read_text().splitlines()
        return [words for line in lines if (words := json.loads(line))[0] == command]

    def containers(self) -> list[str]:
        """Return the names of containers that are there."""
        return [each.name for each in (self.root / "containers").iterdir()]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    root = tmp_path / "machine"
    for folder in ("bin", "images", "containers"):
        (root / folder).mkdir(parents=True)
    file = root / "bin" / "docker"
    text = Path(__file__).with_name("stand_in.py").read_text()
    file.write_text(f"#!{sys.executable} -IS\n{text}")
    file.chmod(0o755)
    (root / "registry").write_text(IMAGE)
    monkeypatch.setenv("PATH", os.pathsep.join([str(root / "bin"), os.environ["PATH"]]))
    return Machine(root)
