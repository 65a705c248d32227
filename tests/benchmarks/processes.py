"""Running a workload in a process of its own, with our Python or with a peer's."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers

WORKLOADS = Path(__file__).resolve().parent / "workloads"
OURS = "pegboard"
SECONDS = 900
"""No workload takes longer than this."""

ALONE = "PEGBOARD_BENCHMARK_ALONE"
"""The environment variable that leaves all peers out."""


class WorkloadFailed(Exception):
    """A workload ended with an error; the message holds the end of what it said."""


def python_of(system: str) -> Path:
    """Return the Python that has a system installed."""
    return Path(sys.executable) if system == OURS else peers.compiled(system)


def takes_part(system: str) -> bool:
    """Whether a system was asked for."""
    return system == OURS or not os.environ.get(ALONE)


def available(system: str) -> bool:
    """Whether a system takes part and can be installed here; says why not."""
    if not takes_part(system):
        return False
    try:
        python_of(system)
    except subprocess.CalledProcessError as error:
        print(f"{system} is left out: {error}", file=sys.stderr)
        return False
    return True


def start(workload: str, system: str, folder: Path, **arguments: object) -> subprocess.Popen[str]:
    """Start a workload. It prints one JSON object and finds its store in ``folder``."""
    command = [python_of(system), WORKLOADS / f"{workload}.py"]
    request = json.dumps({"system": system, "store": f"sqlite:///{folder}/runs.db", **arguments})
    return subprocess.Popen(
        [*map(str, command), request],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a workload and return what it printed; being killed is a way to end."""
    output, errors = process.communicate(timeout=SECONDS)
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise WorkloadFailed(errors[-2000:])
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def run(workload: str, system: str, folder: Path, **arguments: object) -> dict[str, Any]:
    """Run a workload to its end and return what it printed."""
    return finish(start(workload, system, folder, **arguments))


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Make an empty folder for a store, and remove it after."""
    place = Path(tempfile.mkdtemp(prefix="pegboard-benchmark-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MLFLOW_", "PEGBOARD_", "WANDB_", "TRACKIO_"))
    }
    return kept | {
        "TRACKIO_DIR": str(folder / "trackio"),
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_DIR": str(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "HF_HUB_OFFLINE": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }
