"""The runner ``slurm``: gives the command to a cluster's queue, and follows the job there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard.errors import ConfigError, InvalidState, StoreError
from pegboard_projects import (
    Followed,
    Job,
    Left,
    Log,
    Outcome,
    Runner,
    Submitted,
    check_reachable,
    directed,
)

from pegboard_slurm import commands, job_files
from pegboard_slurm.commands import Account, Number
from pegboard_slurm.job_files import JobFiles
from pegboard_slurm.settings import Settings

NAME = "slurm"
JOB = "pegboard.slurm.job"
DIRECTORY = "pegboard.slurm.directory"
OUTPUTS = "PEGBOARD_OUTPUTS"
_CHUNK = 1 << 16
_ACCOUNT_SECONDS = 60.0
"""How long the accounting may lag behind the queue."""
_WHY = {
    "BOOT_FAIL": "its node did not start",
    "DEADLINE": "its deadline came",
    "LAUNCH_FAILED": "it could not be started on its node",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "it used more memory than it asked for",
    "PREEMPTED": "it had to give way to another job",
    "RECONFIG_FAIL": "its node could not be configured",
    "REVOKED": "another cluster took it",
    "TIMEOUT": "it ran for longer than its limit of time",
}


class Slurm(Runner):
    """Runs jobs in the queue of a cluster."""

    settings = Settings
    shares_machine = False
    brings_outputs = True

    def check(self, settings: Any, uri: str) -> None:
        """Refuse what cannot work: no Slurm here, a tracking URI that nodes cannot reach."""
        missing = [name for name in commands.NEEDED if shutil.which(name) is None]
        if missing:
            raise ConfigError(
                f"Slurm's command {missing[0]} is not on PATH.",
                hint="Run pegboard on a machine of the cluster from which jobs are submitted.",
            )
        if not settings.tracking_uri:
            check_reachable(uri, NAME)

    def submit(self, job: Job, log: Log) -> Submitted:
        """Give the job to the queue."""
        chosen: Settings = job.settings
        variables = directed(job, chosen.tracking_uri)
        files = job_files.made(chosen, job.run_id)
        try:
            if outputs := files.outputs_for(_outputs_of(job)):
                variables[OUTPUTS] = str(outputs)
            place = files.write(job, chosen, variables)
            options = [
                f"--job-name={''.join(filter(str.isprintable, job.name))}",
                f"--chdir={place}",
                # Of a file's name, % begins a pattern.
                f"--output={str(files.log).replace('%', '%%')}",
                "--open-mode=append",
                # What is secret is in the file; the rest is as here, whatever the user's default.
                "--export=ALL",
                *chosen.words(),
            ]
            carried = job.carried
            kept = {k: v for k, v in job.variables.items() if k not in carried}
            # PATH is how sbatch is found; the job gets its own from the file.
            number = commands.submit(files.script, options, {**kept, "PATH": os.environ["PATH"]})
        except OSError as error:
            files.remove()
            where = files.directory.parent
            said = error.strerror or "not all of the project can be copied"
            raise ConfigError(f"The job's files in {where} cannot be written: {said}.") from error
        except BaseException:
            files.remove()
            raise
        return _Queued(number, files, job, log)

    def take_up(self, job: Left, log: Log) -> Submitted:
        """Follow a job in the queue again."""
        if JOB not in job.place:
            raise InvalidState(
                f"The run {job.run_id!r} has no job in a queue.",
                hint="The process that was to submit it ended before that.",
            )
        files = job_files.left(job.place.get(DIRECTORY, ""), job.run_id)
        return _Queued(Number.read(job.place[JOB]), files, job, log)


def _outputs_of(job: Job | Left) -> Path | None:
    """Return the folder of this machine for what a job makes."""
    if isinstance(job, Left):
        return job.outputs
    found = job.variables.get(OUTPUTS)
    return Path(found) if found else None


class _Queued(Followed):
    """A job in the queue, or of it."""

    def __init__(self, number: Number, files: JobFiles, job: Job | Left, log: Log) -> None:
        settings: Settings = job.settings
        super().__init__(job.run_id, seconds=settings.poll_seconds, grace_seconds=job.grace_seconds)
        self._number, self._files, self._settings, self._log = number, files, settings, log
        self._outputs = _outputs_of(job)
        self._read = 0
        self._answered = time.monotonic()
        self._ended_at: float | None = None
        self.follow()

    def describe(self) -> Mapping[str, str]:
        return {JOB: str(self._number), DIRECTORY: str(self._files.directory)}

    def look(self) -> Outcome | None:
        self._pass_on()
        try:
            state = commands.state(self._number)
        except StoreError as error:
            self._be_patient(error)
            return None
        self._answered = time.monotonic()
        if state is not None and state not in commands.ENDED:
            self._ended_at = None
            return None
        account = commands.account(self._number) or self._account_of(state)
        if account is None:
            return None
        self._pass_on()
        return self._outcome_of(account)

    def end(self, *, kill: bool) -> None:
        if kill:
            commands.cancel(self._number, "--signal=KILL", "--full")
        else:
            commands.cancel(self._number)

    def close(self) -> None:
        self._files.bring(self._outputs)
        self._files.remove()

    def _be_patient(self, error: StoreError) -> None:
        limit = self._settings.patience_seconds
        if time.monotonic() - self._answered >= limit:
            raise StoreError(
                f"Slurm gave no answer about job {self._number} for {limit:g} s, "
                f"and the job may go on: {error.message}"
            )

    def _account_of(self, state: str | None) -> Account | None:
        """Return what is known of an ended job without accounting; None: wait for that."""
        now = time.monotonic()
        if self._ended_at is None:
            self._ended_at = now
        code = self._files.code()
        if code is not None:
            return Account(state=state or ("FAILED" if code else "COMPLETED"), code=code)
        if now - self._ended_at < _ACCOUNT_SECONDS:
            return None
        return Account(state=state or "")

    def _outcome_of(self, account: Account) -> Outcome:
        state, code = account.state, account.code
        cancelled = self.cancelled and state not in ("COMPLETED", *_WHY)
        if state == "COMPLETED":
            return Outcome(code=0, usage=account.usage)
        what = f"Slurm's job {self._number}"
        if cancelled:
            reason = ""
        elif state == "CANCELLED":
            reason = f"{what} was cancelled, but not by this run."
        elif state in _WHY:
            reason = f"{what} ended as {state}: {_WHY[state]}."
        elif not code:
            reason = f"{what} ended as {state or 'nobody knows what'}, without an exit code."
        else:
            reason = ""
        # What Slurm itself ended has 0:0 for an exit code, or that of a step.
        return Outcome(code=code or None, reason=reason, cancelled=cancelled, usage=account.usage)

    def _pass_on(self) -> None:
        """Pass on what is new in the log; opened each time, as NFS shows what is new only then."""
        path: Path = self._files.log
        try:
            with path.open("rb") as file:
                file.seek(self._read)
                while piece := file.read(_CHUNK):
                    self._read += len(piece)
                    self._log(piece)
        except OSError:
            return
