"""What a sweep leaves behind that was killed: trials that run on, and runs that nobody ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_sweeps import names

if TYPE_CHECKING:
    from pegboard_scripting.client import Client

_PROCESSES = Path("/proc")
_GRACE_SECONDS, _STEP_SECONDS = 10.0, 0.05


def end(client: Client, run_id: str) -> None:
    """End a run as KILLED, and before that all its processes that are left on this machine."""
    deadline = time.monotonic() + _GRACE_SECONDS
    number: int = signal.SIGTERM
    while found := list(_processes(run_id)):
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        time.sleep(_STEP_SECONDS)
        if time.monotonic() >= deadline:
            number = signal.SIGKILL
    client.set_tag(run_id, names.REASON, "Its sweep was killed; it is tried again.")
    client.set_terminated(run_id, "KILLED")


def _processes(run_id: str) -> Iterator[int]:
    """Yield the processes that track to a run: the variable that says so is inherited by all."""
    mark = f"MLFLOW_RUN_ID={run_id}".encode()
    for entry in _PROCESSES.iterdir() if _PROCESSES.is_dir() else ():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
            if state not in (b"Z", b"X"):
                yield int(entry.name)
