"""How long a project that does nothing takes, and how long the making of its environment.

Both run the same folder with --env-manager local, warm. "own" is what pegboard adds to a process
that does nothing but load the command line (pegboard --version) and one that runs the command. The
environment is made from the package index with empty caches, as on a new machine; the peer is what
a virtualenv takes: ``python -m venv`` and pip.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from peers import interpreter
from processes import folder
from rows import Row

ROUNDS, _QUICK_ROUNDS = 5, 2
PROJECT = "name: nothing\nentry_points:\n  main:\n    command: 'true'\n"
REQUIREMENTS = "scikit-learn==1.5.2\n"


def seconds(words: list[str], place: Path, environment: dict[str, str]) -> float:
    """Return how long a process takes; it has to succeed."""
    began = time.perf_counter()
    subprocess.run(words, cwd=place, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def measure(quick: bool) -> list[Row]:
    """Measure in turns, so that all have the same machine."""
    rounds = _QUICK_ROUNDS if quick else ROUNDS
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    pegboard = str(Path(sys.executable).with_name("pegboard"))
    run = ["run", ".", "--env-manager", "local"]
    commands = {
        "ours": [pegboard, *run],
        "nothing": [pegboard, "--version"],
        "command": ["bash", "-c", "true"],
        "theirs": [str(interpreter("mlflow-2").parent / "mlflow"), *run],
    }
    with folder() as place:
        (place / "MLproject").write_text(PROJECT)
        for words in commands.values():
            seconds(words, place, kept)
        found: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, words in commands.items():
                found[name].append(seconds(words, place, kept))
        medians = {name: statistics.median(times) for name, times in found.items()}
        own = medians["ours"] - medians["nothing"] - medians["command"]
        rows = [
            Row(
                "project that does nothing, whole process", "s", medians["ours"], goal=0.4,
                better="less", peer="mlflow run 2.17.2", theirs=medians["theirs"],
            ),
            Row("project that does nothing, own part", "s", own, goal=0.15, better="less"),
        ]  # fmt: skip
        return rows if quick else [*rows, _cold(place, pegboard, kept)]


def _cold(place: Path, pegboard: str, kept: dict[str, str]) -> Row:
    """Make an environment with nothing kept."""
    (place / "requirements.txt").write_text(REQUIREMENTS)
    empty = {
        "UV_CACHE_DIR": str(place / "uv"),
        "PIP_CACHE_DIR": str(place / "pip"),
        "PEGBOARD_PROJECTS_ENVIRONMENTS": str(place / "environments"),
    }
    ours = seconds([pegboard, "run", ".", "--env-manager", "uv"], place, {**kept, **empty})
    script = f"{sys.executable} -m venv theirs && theirs/bin/pip install -q -r requirements.txt"
    theirs = seconds(["bash", "-c", script], place, {**kept, **empty})
    what = "project with scikit-learn, its environment made anew"
    return Row(what, "s", ours, better="less", peer="venv + pip", theirs=theirs, goal_ratio=5.0)
