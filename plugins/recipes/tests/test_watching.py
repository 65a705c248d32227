"""A process that ends in the midst of a step is told of, and its exit code is not believed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pegboard.entities import RunStatus
from pegboard_recipes import tracking
from pegboard_recipes.api import Recipe

from .small import begun, line
from .test_bad_input import LOADER, RECIPE, TRAIN

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process watches")

COMMAND = [str(Path(sys.executable).with_name("pegboard")), "recipes"]
ENDS = {
    "exec": ("import os; os.execvp('true', ['true'])", "it ended with 0.\n"),
    "exit of compiled code": ("import ctypes; ctypes.CDLL(None)._exit(0)", "it ended with 0.\n"),
    "a fault": (
        "import ctypes; ctypes.string_at(0)",
        "SIGSEGV ended it.\n  steps/ingest.py, line 2, in load\n    import ctypes",
    ),
    "no memory": ("import os; os.kill(os.getpid(), 9)", "SIGKILL ended it.\nhint: The system does"),
}


@pytest.fixture(scope="module", autouse=True)
def interruptible() -> None:
    """Let processes be interrupted: what a shell starts in the background ignores that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _command(place: Path, code: str) -> subprocess.Popen[str]:
    """Run a recipe whose loader is such code, in a process of its own."""
    root = begun(place / "r", line(20), TRAIN, RECIPE.replace(*LOADER[1:])).directory
    (root / "steps/ingest.py").write_text(f"def load(path):\n    {code}\n")
    return subprocess.Popen(
        [*COMMAND, "run", "-p", "local", "-s", "ingest"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", ENDS)
def test_a_sudden_end_is_told(place: Path, name: str) -> None:
    code, said = ENDS[name]
    process = _command(place, code)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1, told
    assert f"The step 'ingest' failed: its process came to a sudden end; {said}" in told
    assert len(told.splitlines()) < 10


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_what_is_sent_to_it_reaches_the_step(place: Path, sent: signal.Signals, code: int) -> None:
    waits = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(300)"
    process = _command(place, waits)
    mark = place / "r/pid"
    while process.poll() is None and not (mark.is_file() and mark.read_text()):
        time.sleep(0.05)
    process.send_signal(sent)
    _, told = process.communicate(timeout=120)
    assert process.returncode == code, told
    assert told.startswith("Broken off.") == (sent == signal.SIGINT)
    deadline = time.monotonic() + 60
    while _runs(mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _runs_of(place: Path) -> list[tuple[RunStatus, dict[str, Any]]]:
    """Return the runs that a recipe logged to, the last first, and what is kept of their steps."""
    with tracking.located(Recipe("local", directory=place / "r").planner().config) as client:
        experiment = client.get_experiment_by_name("r")
        assert experiment is not None
        found = []
        for run in client.search_runs([experiment.experiment_id]):
            file = client.download_artifacts(run.info.run_id, "recipe.json", str(place))
            steps = json.loads(Path(file).read_text())["steps"]
            found.append((run.info.status, {each["step"]: each for each in steps}))
    return found


def test_who_survives_a_sudden_end_marks_the_run(place: Path) -> None:
    """What watches it does; of a script that nobody watches, the next command."""
    gone = "import ctypes\ndef make():\n    ctypes.CDLL(None)._exit(0)\n"
    plain = RECIPE.replace("    transformer_method: make\n", "")
    root = begun(place / "r", line(60), gone, plain).directory
    code = "from pegboard.recipes import Recipe; Recipe('local').run('train')"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=120)
    words = [*COMMAND, "plan", "-p", "local"]
    told = subprocess.run(words, cwd=root, check=True, capture_output=True, text=True, timeout=120)
    assert "it was begun, and has not come to its end" in told.stdout
    ((status, steps),) = _runs_of(place)
    assert status == RunStatus.KILLED
    assert [steps[name]["state"] for name in ("transform", "train")] == ["kept", "failed"]
    assert steps["train"]["card"] is None

    words = [*COMMAND, "run", "-p", "local"]
    assert subprocess.run(words, cwd=root, check=False, timeout=120).returncode == 1
    (status, steps), _ = _runs_of(place)
    assert status == RunStatus.FAILED
    assert steps["train"]["card"] == "train/card.html"
    last = Recipe("local", directory=root).plan("train")[-1]
    assert last.reason == "it failed the last time"
