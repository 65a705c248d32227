"""The runner ``ray``: gives a run to the supervisor in a Ray cluster, and follows it there."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve
from pegboard import host as hosts
from pegboard.errors import ConfigError, InvalidState, PegboardError, StoreError
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
    without_here,
)

from pegboard_ray import bridge, parcels
from pegboard_ray.bridge import Bridge
from pegboard_ray.placing import lacking
from pegboard_ray.settings import Defaults, Settings

NAME = "ray"
JOB, CLUSTER, NODE = (f"pegboard.ray.{word}" for word in ("job", "address", "node"))
_NEEDS_PARCEL = "parcel"
_OUTPUTS = "PEGBOARD_OUTPUTS"
_LOOK_SECONDS, _NODE_SECONDS = 0.5, 15.0
_VERSION = "version_info"


class Ray(Runner):
    """Runs jobs in a Ray cluster."""

    settings = Settings
    brings_outputs: ClassVar[bool] = True

    def check(self, settings: Any, uri: str) -> None:
        """Refuse what cannot work: no cluster, no node with what is asked for, a store of here."""
        chosen = complete(settings)
        cluster = bridge.opened(chosen.address)
        try:
            carried = is_carried(chosen, cluster)
            missing = "" if chosen.start_seconds else lacking(cluster.nodes(), chosen.wanted())
        except StoreError as error:
            raise ConfigError(str(error)) from error
        if missing:
            raise ConfigError(missing, hint="Ask for less; or wait for a node with start_seconds.")
        self.shares_machine = not carried and cluster.is_one_machine()
        if not (chosen.tracking_uri or cluster.is_one_machine()):
            check_reachable(uri, NAME)

    def submit(self, job: Job, log: Log) -> Submitted:
        """Begin to give a run to the cluster."""
        chosen = complete(job.settings)
        return _Running(job, log, bridge.opened(chosen.address), job)

    def take_up(self, job: Left, log: Log) -> Submitted:
        """Follow a run in the cluster again."""
        if JOB not in job.place:
            raise InvalidState(
                f"The run {job.run_id!r} is not in a Ray cluster.",
                hint="The process that was to submit it ended before that.",
            )
        address = complete(job.settings).address or job.place.get(CLUSTER, "")
        found = _Running(job, log, bridge.opened(address), None)
        if not found.is_there():
            raise InvalidState(
                f"The Ray cluster {address} knows nothing of the run {job.run_id!r}.",
                hint="It may have been started anew since.",
            )
        found.follow()
        return found


def complete(settings: Settings) -> Settings:
    """Return settings with what ``[ray]`` and RAY_ADDRESS say where they say nothing."""
    table: Defaults = hosts.current().settings(NAME)
    return evolve(
        settings,
        address=settings.address or table.address or os.environ.get("RAY_ADDRESS", ""),
        tracking_uri=settings.tracking_uri or table.tracking_uri,
    )


def is_carried(settings: Settings, cluster: Bridge) -> bool:
    """Whether code and environment are carried to nodes."""
    return not cluster.is_one_machine() if settings.carry is None else settings.carry


class _Running(Followed):
    """A run in a cluster, from before it is given to it until it is forgotten there."""

    def __init__(self, job: Job | Left, log: Log, cluster: Bridge, begun: Job | None) -> None:
        # The node itself kills what does not heed the wish; Ray is asked to if the node does not.
        grace_seconds = job.grace_seconds + _NODE_SECONDS
        super().__init__(job.run_id, seconds=0, grace_seconds=grace_seconds)
        self._settings: Settings = complete(job.settings)
        self._log, self._cluster, self._begun = log, cluster, begun
        self._key = job.place[JOB] if isinstance(job, Left) else f"{job.run_id}-{_random()}"
        self._outputs = job.outputs if isinstance(job, Left) else _outputs_of(job)
        self._read = 0
        self._node = ""
        if begun is not None:
            self.follow()

    def is_there(self) -> bool:
        """Whether the cluster has it."""
        return self._cluster.ask("look", self._key, 0, 0.0) is not None

    def describe(self) -> Mapping[str, str]:
        said = {JOB: self._key, CLUSTER: self._cluster.address}
        return {**said, NODE: self._node} if self._node else said

    def begin(self) -> None:
        job = self._begun
        if job is None:
            return
        carried = is_carried(self._settings, self._cluster)
        parcel = parcels.packed(job.directory) if carried else None
        spec = _spec(job, self._settings, parcel.digest if parcel else "")
        answer = self._cluster.ask("submit", self._key, spec)
        if answer == _NEEDS_PARCEL:
            assert parcel is not None
            self._cluster.ask("submit", self._key, spec, parcel.content)

    def look(self) -> Outcome | None:
        try:
            found = self._cluster.ask("look", self._key, self._read, _LOOK_SECONDS)
        except StoreError as error:
            found = self._asked_again(error)
        if found is None:
            raise StoreError("The Ray cluster was started anew while it ran, and has lost it.")
        if found["log"]:
            self._read += len(found["log"])
            self._log(found["log"])
        self._node = found["node"] or self._node
        if found["outcome"] is None:
            return None
        outcome = Outcome(**found["outcome"])
        if outcome.code == 0 and self._outputs is not None:
            self._take_outputs(self._outputs)
        # What ended by itself was not cancelled, though that was wished.
        return evolve(outcome, cancelled=self.cancelled and outcome.code != 0)

    def end(self, *, kill: bool) -> None:
        self._cluster.ask("cancel", self._key, kill=kill)

    def close(self) -> None:
        try:
            self._cluster.ask("close", self._key)
        except StoreError as error:
            self._log(f"{error}\n".encode())

    def _asked_again(self, error: StoreError) -> Any:
        """Connect again, once, and ask; the run may go on without the connection that was lost."""
        try:
            self._cluster = bridge.opened(self._cluster.address)
            return self._cluster.ask("look", self._key, self._read, _LOOK_SECONDS)
        except PegboardError:
            raise error from None

    def _take_outputs(self, folder: Path) -> None:
        with tempfile.TemporaryFile() as file:
            while piece := self._cluster.ask("outputs", self._key, file.tell()):
                file.write(piece)
            if file.tell():
                file.seek(0)
                parcels.unpack(file, folder)


def _random() -> str:
    return secrets.token_hex(4)


def _outputs_of(job: Job) -> Path | None:
    given = job.variables.get(_OUTPUTS)
    return Path(given) if given else None


def _spec(job: Job, settings: Settings, parcel: str) -> dict[str, Any]:
    """Return what a node needs to know of a run."""
    if parcel:
        variables = without_here(job, settings.tracking_uri)
    else:
        variables = {**job.variables, **directed(job, settings.tracking_uri)}
    return {
        "run_id": job.run_id,
        "name": job.name,
        "command": job.command,
        "directory": str(job.directory.absolute()),
        "variables": variables,
        "carried": bool(parcel),
        "parcel": parcel,
        "lock": job.lock,
        "python": _python_of(job.variables.get("VIRTUAL_ENV", "")),
        "wanted": settings.wanted(),
        "time_seconds": settings.time_seconds,
        "grace_seconds": job.grace_seconds,
        "retries": settings.retries,
        "start_seconds": settings.start_seconds,
    }


def _python_of(environment: str) -> str:
    """Return the version of Python in an environment; "" if it does not say."""
    try:
        text = (Path(environment) / "pyvenv.cfg").read_text("utf-8")
    except OSError:
        return ""
    pairs = dict(line.partition(" = ")[::2] for line in text.splitlines())
    return pairs.get(_VERSION, pairs.get("version", ""))
