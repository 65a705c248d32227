"""Follows a run again whose process here ended before its job did, and ends it as the job ends.

A job on a cluster goes on without the process that submitted it; its run is taken for LOST, or
stays RUNNING.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import InvalidState

from pegboard_projects import rerunning
from pegboard_projects.contract import Left, Outcome, Runner
from pegboard_projects.logs import RunLogFile
from pegboard_projects.names import NAME
from pegboard_projects.planning import runner_of
from pegboard_projects.recording import Record, end

if TYPE_CHECKING:
    from pegboard_scripting.client import Client

    from pegboard_projects.cancelling import Cancelling
    from pegboard_projects.settings import Settings

_LOOK_SECONDS = 0.5
"""A signal that comes just before a wait begins does not wake it."""


class _Log:
    """The log of the run, written anew from the first piece that comes: not if none does."""

    def __init__(self, begin: Callable[[], RunLogFile]) -> None:
        self._begin = begin
        self._file: RunLogFile | None = None

    def __call__(self, piece: bytes) -> None:
        if self._file is None:
            self._file = self._begin()
        self._file(piece)

    def close(self) -> str:
        """Keep what is left of it; return why it is not complete, if it is not."""
        if self._file is None:
            return ""
        self._file.close()
        return self._file.fault


def follow(
    client: Client, run_id: str, *, show: Callable[[bytes], None], cancelling: Cancelling
) -> Outcome:
    """Follow the job of a run to its end, end the run, and return how it ended.

    InvalidState if the run has ended, or if its runner cannot follow it.
    """
    earlier = rerunning.read(client, run_id)
    record = earlier.record
    if "ended" in record:
        raise InvalidState(f"The run {run_id!r} has ended as {earlier.run.info.status}.")
    host, settings = client.host, client.host.settings(NAME)
    config = record["backend_config"]
    runner, chosen = runner_of(host, record["backend"], config, client.tracking_uri)
    if not isinstance(runner, Runner):
        raise InvalidState(f"Backends of MLflow, as {record['backend']!r}, follow no run again.")
    log = _Log(_opener(client, run_id, settings, show))
    outputs = tempfile.TemporaryDirectory(prefix="pegboard-outputs-")
    left = Left(
        run_id=run_id,
        place=dict(earlier.run.data.tags),
        settings=chosen,
        grace_seconds=settings.grace_seconds,
        outputs=Path(outputs.name),
    )
    with outputs as folder:
        submitted = runner.take_up(left, log)
        client.update_run(run_id, "RUNNING")
        client.writer.attach(run_id)
        cancelling.aim(submitted)
        outcome: Outcome | None = None
        try:
            while outcome is None:
                outcome = submitted.wait(_LOOK_SECONDS)
        finally:
            fault = log.close()
            client.writer.detach(run_id)
        if any(Path(folder).iterdir()):
            client.log_artifacts(run_id, folder)
    Record(client, run_id, record).end(outcome, fault)
    end(client, run_id, outcome.status)
    return outcome


def _opener(
    client: Client, run_id: str, settings: Settings, show: Callable[[bytes], None]
) -> Callable[[], RunLogFile]:
    limit = settings.log_megabytes << 20
    return lambda: RunLogFile(client.artifacts(run_id), limit, show)
