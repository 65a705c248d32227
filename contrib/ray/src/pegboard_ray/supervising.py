"""The supervisor: an actor in the cluster that has the runs, whatever becomes of who began them.

It gives each run to Ray as a task, keeps what the run says, and knows how it ended. It lies on the
head node, where the cluster has one. This module is imported there.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from attrs import define, field
from ray import exceptions

from pegboard_ray import node
from pegboard_ray.placing import lacking

NAMESPACE = "pegboard"
NEEDS_PARCEL = "parcel"
_MOST_PARCELS = 16
_PIECE = 1 << 20
_LOOK_SECONDS, _GUARD_SECONDS = 5.0, 1.0
_DIED = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.OutOfMemoryError,
    exceptions.ObjectLostError,
)


@define(eq=False)
class _Run:
    """A run that the cluster has: ``folder`` holds its log and what it made."""

    spec: Mapping[str, Any]
    folder: Path
    parcel: Any = None
    size: int = 0
    """Of the log."""
    attempt: int = 1
    has_begun: bool = False
    cancelled: bool = False
    node: str = ""
    task: Any = None
    outcome: dict[str, Any] | None = None
    changed: asyncio.Event = field(factory=asyncio.Event)

    def is_unwanted(self) -> bool:
        """Whether it was cancelled, which may happen meanwhile."""
        return self.cancelled

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs.tar"

    def add(self, piece: bytes) -> None:
        """Keep what the run says."""
        if piece:
            with self.log.open("ab") as file:
                file.write(piece)
            self.size += len(piece)
            self.tell()

    def tell(self) -> None:
        """Wake who waits for news."""
        self.changed.set()
        self.changed = asyncio.Event()


class Supervisor:
    """Has runs by their keys."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._parcels: dict[str, Any] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="pegboard-ray-"))
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, key: str, spec: Mapping[str, Any], content: bytes | None = None) -> str:
        """Begin a run, and return ""; NEEDS_PARCEL: it is to be submitted with its code."""
        digest = spec["parcel"]
        if content is not None:
            self._parcels[digest] = ray.put(content)
            for old in list(self._parcels)[:-_MOST_PARCELS]:
                del self._parcels[old]
        if digest and digest not in self._parcels:
            return NEEDS_PARCEL
        folder = self._folder / key
        folder.mkdir()
        run = _Run(spec, folder, self._parcels[digest] if digest else None)
        self._runs[key] = run
        self._spawn(self._carry_out(key, run))
        return ""

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, key: str, run: _Run) -> None:
        try:
            outcome = await self._attempts(key, run)
        except Exception as error:
            outcome = _failed(f"Ray could not run it: {type(error).__name__}: {error}")
        run.outcome = outcome
        run.tell()

    async def _attempts(self, key: str, run: _Run) -> dict[str, Any]:
        wanted = run.spec["wanted"]
        options = {
            "num_cpus": wanted.get("CPU", 0),
            "num_gpus": wanted.get("GPU", 0),
            "memory": wanted.get("memory"),
            "resources": {k: v for k, v in wanted.items() if k not in ("CPU", "GPU", "memory")},
            "max_retries": 0,
            "name": f"pegboard:{run.spec['name']}",
        }
        this = ray.get_runtime_context().current_actor
        while not run.is_unwanted():
            run.has_begun = False
            run.task = (
                ray.remote(node.carry_out)
                .options(**options)
                .remote(key, run.attempt, dict(run.spec), run.parcel, this)
            )
            self._spawn(self._watch_start(run, run.task))
            try:
                outcome, rest, run.node = await run.task
            except exceptions.TaskCancelledError:
                break
            except _DIED as error:
                why = _why(error)
                # The guard of the worker, if its node lives, ends what it ran.
                await asyncio.sleep(_GUARD_SECONDS)
                if run.is_unwanted():
                    break
                if run.attempt > run.spec["retries"]:
                    return _failed(why)
                run.attempt += 1
                run.add(f"{why} The run begins again.\n".encode())
            except exceptions.RayTaskError as error:
                return _failed(f"The node could not run it: {error.cause or error}")
            else:
                run.add(rest)
                if run.is_unwanted() and outcome["code"] is None:
                    break
                return dict(outcome)
        return run.outcome or {"code": None, "cancelled": True}

    async def _watch_start(self, run: _Run, task: Any) -> None:
        """End a run that no node can begin, so that it does not wait for ever."""
        since = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if run.has_begun or run.task is not task or run.outcome is not None:
                return
            missing = lacking(ray.nodes(), run.spec["wanted"])
            if not missing:
                since = time.monotonic()
            elif time.monotonic() - since >= run.spec["start_seconds"]:
                run.outcome = _failed(missing)
                ray.cancel(task)
                return

    async def tell(self, key: str, attempt: int, piece: bytes, where: str) -> str:
        """Take what a node says of a run; return "cancel" if it is to end there."""
        run = self._runs.get(key)
        if run is None or attempt != run.attempt:
            return "cancel"
        run.has_begun = True
        run.node = where
        run.add(piece)
        return "cancel" if run.cancelled else ""

    async def keep(self, key: str, piece: bytes) -> None:
        """Take a piece of what a run made, the first one after its command has ended."""
        with self._runs[key].outputs.open("ab") as file:
            file.write(piece)

    async def look(self, key: str, offset: int, seconds: float) -> dict[str, Any] | None:
        """Return what is new of a run, waiting for it so long; None if there is no such run."""
        run = self._runs.get(key)
        if run is None:
            return None
        if run.size <= offset and run.outcome is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(run.changed.wait(), seconds)
        piece = b""
        if run.size > offset:
            with run.log.open("rb") as file:
                file.seek(offset)
                piece = file.read(_PIECE)
        ended = run.outcome is not None and offset + len(piece) >= run.size
        return {"log": piece, "outcome": run.outcome if ended else None, "node": run.node}

    async def outputs(self, key: str, offset: int) -> bytes:
        """Return a piece of what a run made; b"" at its end."""
        run = self._runs[key]
        if not run.outputs.exists():
            return b""
        with run.outputs.open("rb") as file:
            file.seek(offset)
            return file.read(_PIECE)

    async def cancel(self, key: str, *, kill: bool) -> None:
        """End a run, on its node if it has begun."""
        run = self._runs.get(key)
        if run is None or run.outcome is not None:
            return
        run.cancelled = True
        if kill or not run.has_begun:
            with contextlib.suppress(exceptions.RayError, ValueError, TypeError):
                ray.cancel(run.task, force=kill)

    async def close(self, key: str) -> None:
        """Forget a run."""
        run = self._runs.pop(key, None)
        if run is not None:
            shutil.rmtree(run.folder, ignore_errors=True)


def _failed(reason: str) -> dict[str, Any]:
    return {"code": None, "reason": reason}


def _why(error: Exception) -> str:
    if isinstance(error, exceptions.OutOfMemoryError):
        return "Its node ran out of memory, and Ray ended the run."
    if isinstance(error, exceptions.NodeDiedError):
        return "Its node died while it ran."
    return "The worker that ran it died, or its node did."
