"""What happens on a node: the command of a run, as the runner of one machine runs it there.

This module is imported by Ray's workers.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import attrs
import ray
from pegboard.errors import ConfigError, PegboardError, StoreError
from pegboard_projects import Job, Local, Outcome, Submitted, rebuilt
from ray.exceptions import RayError

from pegboard_ray import guard, parcels
from pegboard_ray.bridging import NOT_BY_UV
from pegboard_ray.loopback import ONLY_HERE, is_loopback

_MARK, _OUTPUTS = "PEGBOARD_PROJECT_MARK", "PEGBOARD_OUTPUTS"
_FIRST_SECONDS, _MOST_SECONDS = 0.1, 0.5
_MOST_WAITING = 4 << 20
_PIECE = 1 << 20
_guarded: list[Any] = []


def carry_out(
    key: str, attempt: int, spec: Mapping[str, Any], parcel: bytes | None, supervisor: Any
) -> tuple[dict[str, Any], bytes, str]:
    """Run a command to its end; return how it ended, what it said last, and where that was."""
    guarded()
    tap = _Tap()

    def tell(piece: bytes) -> str:
        return cast("str", ray.get(supervisor.tell.remote(key, attempt, piece, _name())))

    with _made(spec, parcel, tell) as made:
        if isinstance(made, Outcome):
            return attrs.asdict(made), b"", _name()
        outcome = _followed(Local().submit(made, tap), tap, tell)
        folder = Path(made.variables[_OUTPUTS])
        if outcome.code == 0 and any(folder.iterdir()):
            _send(folder, lambda piece: ray.get(supervisor.keep.remote(key, piece)))
    return attrs.asdict(outcome), tap.taken(), _name()


def guarded() -> None:
    """See to it, once in a process, that nothing is left of its commands if it is killed."""
    if _guarded:
        return
    mark = f"{secrets.token_hex(16)};"
    words = [sys.executable, "-IS", guard.__file__, _MARK, mark]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        # Its child goes on, until this end of the pipe is closed.
        _guarded.append(process.stdin)
        process.stdin = None
    os.environ[_MARK] = os.environ.get(_MARK, "") + mark


class _Tap:
    """Takes output until it is asked for; a command that says too much has to wait."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._changed = threading.Condition()

    def __call__(self, piece: bytes) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._held) < _MOST_WAITING)
            self._held += piece

    def taken(self) -> bytes:
        """Return what has come since the last time."""
        with self._changed:
            found = bytes(self._held)
            self._held.clear()
            self._changed.notify_all()
            return found


def _followed(submitted: Submitted, tap: _Tap, tell: Callable[[bytes], str]) -> Outcome:
    """Tell what a command says while it runs, and end it if that is wished, or nobody listens."""
    seconds = _FIRST_SECONDS
    while True:
        try:
            if (outcome := submitted.wait(seconds)) is not None:
                return outcome
            if tell(tap.taken()) == "cancel":
                submitted.cancel()
        except KeyboardInterrupt:
            # Ray's way to say so, if it did not know that the run had begun.
            submitted.cancel()
        except RayError:
            # There is no supervisor any more: whoever waits for the run will not hear of it.
            tap.taken()
            submitted.cancel()
        seconds = min(seconds * 1.5, _MOST_SECONDS)


@contextmanager
def _made(
    spec: Mapping[str, Any], parcel: bytes | None, tell: Callable[[bytes], str]
) -> Iterator[Job | Outcome]:
    """Make what the command needs here, and take it away after it; an Outcome says what failed."""
    place = Path(tempfile.mkdtemp(prefix="pegboard-run-"))
    outputs = place / "outputs"
    outputs.mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        directory, variables = Path(spec["directory"]), dict(spec["variables"])
        try:
            if spec["carried"]:
                directory = place / "project"
                directory.mkdir()
                parcels.unpack(io.BytesIO(parcel or b""), directory)
                variables = {**_own(), **variables}
            elif not directory.is_dir():
                raise ConfigError(
                    f"The node {_name()} has no folder {directory}.",
                    hint="Set carry to true, or keep the project in a folder that all nodes share.",
                )
            if spec["carried"] and spec["lock"]:
                ready = stack.enter_context(
                    rebuilt(spec["lock"], spec["python"], place, _saying(tell))
                )
                variables = ready.applied(variables)
        except PegboardError as error:
            yield Outcome(code=None, reason=str(error))
            return
        yield _job(spec, directory, {**variables, **_ours(spec), _OUTPUTS: str(outputs)})


def _saying(tell: Callable[[bytes], str]) -> Callable[[str], None]:
    def say(line: str) -> None:
        if tell(f"{line}\n".encode()) == "cancel":
            raise StoreError("The making of the environment was cut short.")

    return say


def _job(spec: Mapping[str, Any], directory: Path, variables: Mapping[str, str]) -> Job:
    settings = Local.settings(time_seconds=spec["time_seconds"])
    return Job(
        run_id=spec["run_id"],
        name=spec["name"],
        command=spec["command"],
        directory=directory,
        variables=variables,
        settings=settings,
        grace_seconds=spec["grace_seconds"],
    )


def _own() -> dict[str, str]:
    """Return this node's variables, without those that are about this worker."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


def _ours(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return what a project that uses Ray itself needs to use this cluster, and its GPUs."""
    # The token of a cluster that was started for the run is nowhere else.
    found = {name: value for name, value in os.environ.items() if name.startswith("RAY_AUTH_")}
    found["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
    if "uv run" not in spec["command"]:
        found |= [NOT_BY_UV]
    if is_loopback(_name()):
        found |= [ONLY_HERE]
    if spec["wanted"].get("GPU"):
        found["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return found


def _name() -> str:
    return cast("str", ray.util.get_node_ip_address())


def _send(folder: Path, keep: Callable[[bytes], None]) -> None:
    with tempfile.TemporaryFile() as file:
        parcels.pack_outputs(folder, file)
        file.seek(0)
        with suppress(RayError):
            while piece := file.read(_PIECE):
                keep(piece)
