"""The files of a job, in a folder that all nodes share and nobody else can read.

The script holds no variables: some are secret, and administrators' tools show scripts. They lie
beside it, until the job has ended: a job that is preempted begins again.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from pegboard.errors import ConfigError, InvalidState, StoreError
from pegboard_projects import Job

from pegboard_slurm.settings import Settings


@frozen
class JobFiles:
    """The folder of one job."""

    directory: Path

    @property
    def script(self) -> Path:
        """What sbatch gets."""
        return self.directory / "job.sh"

    @property
    def log(self) -> Path:
        """What the job says, appended to while it runs."""
        return self.directory / "log.txt"

    @property
    def _code(self) -> Path:
        return self.directory / "exit_code"

    def code(self) -> int | None:
        """Return the exit code that the script wrote at its end, if it came there."""
        try:
            return int(self._code.read_text())
        except (OSError, ValueError):
            return None

    def outputs_for(self, ours: Path | None) -> Path | None:
        """Return the folder for what the job makes, made if need be; None if nobody wants it.

        A temporary one is this machine's own: nodes see another, here, and ``bring`` copies it.
        """
        if ours is None or not _is_temporary(ours):
            return ours
        self._made.mkdir(exist_ok=True)
        return self._made

    def bring(self, ours: Path | None) -> None:
        """Copy what the job made to this machine; StoreError if that cannot be."""
        if ours is None or not self._made.is_dir():
            return
        try:
            shutil.copytree(self._made, ours, symlinks=True, dirs_exist_ok=True)
        except OSError as error:
            said = error.strerror or "not all of it can be copied"
            raise StoreError(
                f"What the job made, in {self._made}, is left there: {said}."
            ) from None

    @property
    def _made(self) -> Path:
        return self.directory / "outputs"

    def write(self, job: Job, settings: Settings, variables: Mapping[str, str]) -> Path:
        """Write the files, and return the folder that the job runs in."""
        place = self._shared(job.directory)
        lines = [
            f"export {name}={shlex.quote(value)}\n"
            for name, value in sorted(variables.items())
            if name.isidentifier()
        ]
        file = self.directory / "variables.sh"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.writelines(lines)
        lines = [
            "#!/usr/bin/env bash",
            shlex.join([".", str(file)]),
            *settings.setup,
            shlex.join(["cd", "--", str(place)]) + " || exit",
            shlex.join(["bash", "-c", job.command]),
            "code=$?",
            f"echo $code > {shlex.quote(str(self._code))}",
            "exit $code",
        ]
        self.script.write_text("".join(f"{line}\n" for line in lines))
        return place

    def _shared(self, project: Path) -> Path:
        """Return where nodes find the project: a copy of one that lies in a temporary folder.

        That folder is each machine's own, and what was fetched goes when pegboard ends.
        """
        if not _is_temporary(project):
            return project
        copy, ours = self.directory / "project", self.directory.parent
        shutil.copytree(
            project,
            copy,
            symlinks=True,
            # Not the folder of jobs, if it lies in the project.
            ignore=lambda folder, _: {ours.name} if Path(folder) == ours.parent else set(),
        )
        return copy

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.directory, ignore_errors=True)


def _is_temporary(place: Path) -> bool:
    return place.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


def made(settings: Settings, run_id: str) -> JobFiles:
    """Make the folder for a job."""
    base = Path(settings.directory).expanduser()
    try:
        base.mkdir(parents=True, exist_ok=True)
        # Its owner's alone, as mkdtemp has it.
        return JobFiles(Path(tempfile.mkdtemp(prefix=f"{run_id}-", dir=base.absolute())))
    except OSError as error:
        raise ConfigError(
            f"The folder {settings.directory!r} for jobs cannot be used: {error.strerror}.",
            hint="Name another that all nodes share by the runner's setting directory.",
        ) from error


def left(place: str, run_id: str) -> JobFiles:
    """Return the folder of a run's job by its tag; InvalidState if it is not there.

    Tags may be anybody's, and the folder is removed at the end: only one that bears the run's id,
    as nobody makes but ``made``, is taken for it.
    """
    directory = Path(place)
    ours = re.fullmatch(r"[0-9a-f]{32}", run_id) and directory.name.startswith(f"{run_id}-")
    if not (ours and directory.is_absolute() and directory.is_dir()):
        raise InvalidState(
            f"The folder {place!r} of the job of run {run_id!r} is not there.",
            hint="Follow the run on a machine that has the folder for jobs.",
        )
    return JobFiles(directory)
