"""The runner ``docker``: runs a command in a container of this machine, and follows it.

The container runs by itself, so that it can be followed again if this process is killed.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from pegboard import uris
from pegboard.errors import ConfigError, InvalidState, StoreError
from pegboard_projects import (
    Container,
    Followed,
    Job,
    Left,
    Log,
    Outcome,
    Reading,
    Runner,
    Submitted,
    check_reachable,
    without_here,
)

from pegboard_docker import first_process, images, options, program
from pegboard_docker.images import CODE, Image
from pegboard_docker.program import Program
from pegboard_docker.settings import Settings

NAME = "docker"
CONTAINER = "pegboard.docker.container"
DIGEST = "pegboard.docker.image.digest"
IMAGE_URI, IMAGE_ID = "mlflow.docker.image.uri", "mlflow.docker.image.id"
_OUTPUTS = "PEGBOARD_OUTPUTS"
_CHUNK = 1 << 16
_JOIN_SECONDS = 60.0
_OVER = ("exited", "dead", "stopped", "removing")


class Docker(Runner):
    """Runs jobs in containers of this machine."""

    settings = Settings

    def check(self, settings: Any, uri: str) -> None:
        """Refuse to go on without docker and podman."""
        del uri
        program.find(settings.program)

    def container(self, settings: Any, asked: Container | None) -> Container | None:
        """Return the container that is asked for, or that of the settings."""
        return options.chosen(asked, settings.image, NAME)

    def submit(self, job: Job, log: Log) -> Submitted:
        """Begin to run a container."""
        return _Running(job, log, job)

    def take_up(self, job: Left, log: Log) -> Submitted:
        """Follow a container again."""
        found = _Running(job, log, None)
        if not found.is_there():
            raise InvalidState(f"The container of the run {job.run_id!r} is not there.")
        found.follow()
        return found


class _Running(Followed):
    """A container, from before its image is there until it is removed."""

    def __init__(self, job: Job | Left, log: Log, begun: Job | None) -> None:
        settings: Settings = job.settings
        super().__init__(job.run_id, seconds=settings.poll_seconds, grace_seconds=job.grace_seconds)
        self._name = f"pegboard-{job.run_id}"
        self._settings, self._log, self._job = settings, log, begun
        self._program = Program(program.find(settings.program))
        self._image: Image | None = None
        self._reader: threading.Thread | None = None
        self._reading = Reading(log)
        if begun is not None:
            self.follow()

    def is_there(self) -> bool:
        """Whether there is a container."""
        return self._program.state(self._name) is not None

    def describe(self) -> Mapping[str, str]:
        said = {CONTAINER: self._name}
        if self._image is not None:
            said |= {IMAGE_URI: self._image.name, IMAGE_ID: self._image.identity}
            if self._image.digest:
                said[DIGEST] = self._image.digest
        return said

    def cancel(self) -> None:
        super().cancel()
        self._program.end()

    def begin(self) -> None:
        job = self._job
        if job is None:
            return
        container = job.container
        assert container is not None
        found = images.had(self._program, container.image, self._log)
        if container.build:
            found = images.built(
                self._program, container.image, job.directory, images.tag_of(job.name), self._log
            )
        self._image = found
        if self.cancelled:
            raise StoreError("It was cancelled before it began.")
        variables = without_here(job, self._settings.tracking_uri, sees_outputs=True)
        words = [
            f"--name={self._name}",
            f"--workdir={CODE}",
            *self._mounts(job, container),
            *self._network(variables, container),
            # By their names alone: the values are secret, and others see command lines.
            *(f"--env={name}" for name in variables),
            *(f"--volume={volume}" for volume in container.volumes),
            *_environment(container),
            *options.words(container.options),
        ]
        command = [found.identity, *first_process.words(self._settings.shell, job.command)]
        given = {**os.environ, **variables}
        self._program.ask("run", "--detach", *words, *command, variables=given)

    def look(self) -> Outcome | None:
        try:
            state = self._program.state(self._name)
        except StoreError:
            return None  # The daemon is being restarted, say: the container goes on.
        if state is None:
            raise StoreError(f"The container {self._name} was removed while it ran.")
        over = str(state.get("Status")) in _OVER
        if self._reader is None or not self._reader.is_alive():
            self._reader = threading.Thread(target=self._pass_on, daemon=True)
            self._reader.start()
        if not over:
            return None
        self._reader.join(_JOIN_SECONDS)
        code = int(state["ExitCode"])
        reason = str(state.get("Error") or "")
        if state.get("OOMKilled"):
            reason = "It used more memory than its container may."
        # What ended by itself was not cancelled, though that was wished.
        cancelled = self.cancelled and code != 0
        return Outcome(code=code, reason="" if cancelled else reason, cancelled=cancelled)

    def end(self, *, kill: bool) -> None:
        self._program.ask("kill", f"--signal={'KILL' if kill else 'TERM'}", self._name)

    def close(self) -> None:
        try:
            if self.is_there():
                self._program.ask("rm", "--force", "--volumes", self._name)
        except StoreError as error:
            self._log(f"{error}\n".encode())

    def _pass_on(self) -> None:
        """Pass on what the container says, from where the last time ended."""
        words = [self._program.name, "logs", "--follow", self._name]
        with subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            self._reading.begin()
            while piece := process.stdout.read1(_CHUNK):  # type: ignore[attr-defined]
                self._reading.add(piece)

    def _mounts(self, job: Job, container: Container) -> Iterator[str]:
        if not container.build:
            yield f"--volume={job.directory.absolute()}:{CODE}"
        kept = [job.variables.get(_OUTPUTS, "")]
        if job.artifact_uri and uris.parse(job.artifact_uri).scheme in ("file", uris.PLAIN_PATH):
            # The run's own files: clients write them where they are.
            place = uris.parse(job.artifact_uri).local_path()
            place.mkdir(parents=True, exist_ok=True)
            kept.append(str(place))
        for path in filter(None, kept):
            yield f"--volume={path}:{path}"

    def _network(self, variables: Mapping[str, str], container: Container) -> Iterator[str]:
        """Yield the option by which a container reaches an address of this machine alone."""
        if self._settings.tracking_uri or {"network", "net"} & set(container.options):
            return
        uri = variables.get("MLFLOW_TRACKING_URI")
        if uri is None:
            return
        try:
            check_reachable(uri, NAME)
        except ConfigError:
            yield "--network=host"


def _environment(container: Container) -> Iterator[str]:
    for each in container.environment:
        if not isinstance(each, str):
            yield f"--env={each[0]}={each[1]}"
