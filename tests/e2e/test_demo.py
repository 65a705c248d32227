"""The demo, as a newcomer runs it: in an empty directory, then the commands that it proposes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from sklearn.datasets import load_diabetes

PEGBOARD = Path(sys.executable).with_name("pegboard")


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW", "UV_"))}
    return {**kept, "PATH": f"{PEGBOARD.parent}{os.pathsep}{kept['PATH']}"}


def _call(directory: Path, *args: str) -> str:
    done = subprocess.run(
        args,
        cwd=directory,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty directory with no configuration above it."""
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def printed(directory: Path) -> str:
    """Return what the demo prints."""
    return _call(directory, "pegboard", "demo")


def test_the_demo_prints_its_models_best_first(printed: str) -> None:
    rows = [line.split() for line in printed.splitlines() if "-" in line and "0.4" in line]
    scores = [float(row[2]) for row in rows if len(row) == 6]
    assert len(scores) >= 3
    assert scores == sorted(scores, reverse=True)


def test_every_proposed_command_works(directory: Path, printed: str) -> None:
    lines = [line.strip() for line in printed.splitlines() if line.startswith("  pegboard ")]
    *proposed, serve, page = lines
    assert page == "pegboard ui"
    assert len(proposed) >= 5
    for command in proposed:
        _call(directory, *shlex.split(command))
    assert (directory / "learning_curve.png").stat().st_size > 1000
    assert len((directory / "curves.csv").read_text().splitlines()) > 1000
    assert _predicted_by(directory, serve) == pytest.approx(206, abs=60)


def _predicted_by(directory: Path, serve: str) -> float:
    """Start what serves the model, on a port that is free, and ask for one prediction."""
    words = shlex.split(serve)
    words[words.index("--port") + 1] = "0"
    process = subprocess.Popen(
        words, cwd=directory, env=_environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = next(
            found[0] for line in process.stdout if (found := re.search(r"http://[\w.:]+", line))
        )
        example = load_diabetes(as_frame=True).data.head(1)
        body = json.dumps({"dataframe_split": example.to_dict(orient="split")}).encode()
        request = urllib.request.Request(
            f"{address}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return float(json.load(answer)["predictions"][0])
    finally:
        process.terminate()
        process.communicate(timeout=60)
