"""What a process leaves behind that is killed while it runs many projects: to be taken up safely.

Its own run and those below stay RUNNING, and its projects go on, here and on clusters. Who takes
its work up is the only one to do so, and ends them before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.entities import RunStatus
from pegboard.errors import InvalidState, NotFound, StoreError, command_line
from pegboard_stores.environments import places

from pegboard_projects import names

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_scripting.client import Client

    from pegboard_projects.contract import Submitted

_KIND = "carried-out"
_PROCESSES = Path("/proc")
_GRACE_SECONDS, _STEP_SECONDS = 10.0, 0.05
_AT_A_TIME, _LOOK_SECONDS = 8, 3.0


@contextlib.contextmanager
def carried_out_alone(what: str, *words: str) -> Iterator[None]:
    """Hold what lets one process of this machine carry out something at a time.

    ``what`` is what people call it, ``words`` say which. InvalidState if another process does.
    """
    key = hashlib.sha256(json.dumps([what, *words]).encode()).hexdigest()[:32]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(places.locked(places.folder(_KIND) / key, wait=False))
        except BlockingIOError:
            raise InvalidState(
                f"This {what} is being carried out by another process.",
                hint="Wait for its end, or end it: the same command goes on where it stopped.",
            ) from None
        yield


def machine_tag() -> dict[str, str]:
    """Return the tag of a run that says which machine carries it out."""
    return {names.HOST: socket.gethostname()}


def check_machine(run: Run, what: str) -> None:
    """Refuse to take up what runs on another machine, as far as is known; InvalidState."""
    host = run.data.tags.get(names.HOST)
    if run.info.status is RunStatus.RUNNING and host not in (None, *machine_tag().values()):
        raise InvalidState(
            f"This {what} is being carried out on {host}, as the run {run.info.run_id}.",
            hint="If nothing of it runs there any more, go on here with --take-over.",
        )


def end_left(client: Client, run_ids: Iterable[str]) -> None:
    """End runs as KILLED, and before that what is left of them here and elsewhere.

    That is all their processes on this machine, and the jobs of runners that can follow one again:
    a job that has ended by itself ends its run as it did.

    Raises:
        PegboardError: a job elsewhere may go on, so that nobody can take up its work.
    """
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for _ in pool.map(partial(_end, client), run_ids):
            pass


def _end(client: Client, run_id: str) -> None:
    if not _end_elsewhere(client, run_id):
        _end_processes(run_id)
        client.set_terminated(run_id, "KILLED")


def _end_elsewhere(client: Client, run_id: str) -> bool:
    """Cancel the job of a run, and end the run; return whether there was one."""
    from pegboard_projects.following import follow

    try:
        outcome = follow(client, run_id, show=None, cancelling=_Soon())
    except (InvalidState, NotFound):
        # Its runner keeps none, or it had none yet.
        return False
    if outcome.code is None and not outcome.cancelled:
        raise StoreError(
            f"The job of the run {run_id} could not be ended. {outcome.reason}",
            hint="End it where it runs, then mark the run: "
            f"{command_line('pegboard', 'projects', 'follow', run_id)}",
        )
    return True


class _Soon:
    """Cancels what is followed, unless it turns out to have ended by itself."""

    def aim(self, target: Submitted) -> None:
        if target.wait(_LOOK_SECONDS) is None:
            target.cancel()


def _end_processes(run_id: str) -> None:
    deadline = time.monotonic() + _GRACE_SECONDS
    number: int = signal.SIGTERM
    while found := list(_processes(run_id)):
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        time.sleep(_STEP_SECONDS)
        if time.monotonic() >= deadline:
            number = signal.SIGKILL


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
