"""What the first command of README.md installs: what the demo and the server need."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from peers import uv_command

ROOT = Path(__file__).resolve().parent.parent
MOST_FOREIGN = 57
MOST_MB = 600
"""A third of it is what answers without an account: llama.cpp (106) and a small model (98)."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of an environment made as `uv run pegboard` makes it."""
    place = tmp_path_factory.mktemp("first") / "venv"
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    environment["UV_PROJECT_ENVIRONMENT"] = str(place)
    subprocess.run([*uv_command(), "sync", "--quiet"], cwd=ROOT, env=environment, check=True)
    (found,) = place.glob("lib/python*/site-packages")
    return found


def test_the_first_command_brings_few_distributions(packages: Path) -> None:
    names = sorted(path.name for path in packages.glob("*.dist-info"))
    foreign = [name for name in names if not name.startswith("pegboard")]
    assert len(foreign) <= MOST_FOREIGN, foreign
    assert not [
        name for name in names if name.startswith(("pytest", "xgboost", "pegboard_testing"))
    ]


def test_the_first_command_brings_little_data(packages: Path) -> None:
    files = (path for path in packages.rglob("*") if path.is_file() and not path.is_symlink())
    assert sum(path.stat().st_size for path in files) <= MOST_MB * 1_000_000
