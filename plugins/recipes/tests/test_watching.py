"""A process that ends in the midst of a step is told of, and its exit code is not believed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .small import begun, line
from .test_bad_input import LOADER, RECIPE, TRAIN

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process watches")

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
    words = [str(Path(sys.executable).with_name("pegboard")), "recipes", "run", "-p", "local"]
    return subprocess.Popen(
        [*words, "-s", "ingest"],
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
