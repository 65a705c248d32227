"""Going on with an evaluation that broke off: its run, and the answers that it keeps as they come.

An answer is kept under a digest of what was asked, so rows may come in another order, and rows may
be added. Whatever costs is kept in the run's files before anything is made of it; who goes on
reads it from there.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from attrs import define, field
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.errors import InvalidValue, NotFound
from pegboard_scripting.client import Client
from pegboard_scripting.fluent import runs
from pegboard_stores.evaluations import FOLDER

KEPT = f"{FOLDER}/answers"
"""Where a run keeps answers."""


@contextmanager
def run_of(resume: str | None) -> Iterator[tuple[Client, str, str]]:
    """Use the active run, or one that ends with the evaluation: new, or the one to go on with.

    Yields the client, and the ids of the run and of its experiment.
    """
    active = runs.active_run()
    if active is not None and resume not in (None, active.info.run_id):
        raise InvalidValue(
            f"resume is {resume!r}, but the run {active.info.run_id!r} is active.",
            hint="End that first with end_run().",
        )
    if active is None:
        with runs.start_run(run_id=resume) as run:
            yield runs.active().client, run.info.run_id, run.info.experiment_id
    else:
        yield runs.active().client, active.info.run_id, active.info.experiment_id


def source_of(defined: Any) -> str:
    """Return the code of a function or class; "" if it is not known."""
    try:
        return inspect.getsource(defined)
    except (OSError, TypeError):
        return ""


def digest(*parts: str) -> str:
    """Return what an answer is kept under: 32 hexadecimal digits of what was asked of whom."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def numbered(keys: Sequence[str]) -> list[str]:
    """Return keys that tell apart what is asked twice, in the order it comes."""
    seen: dict[str, int] = {}
    found = []
    for key in keys:
        seen[key] = count = seen.get(key, -1) + 1
        found.append(f"{key}-{count}" if count else key)
    return found


@define(eq=False)
class Answers:
    """Answers by key: values of JSON. May be used by threads.

    Without ``write`` they are gone with the process.
    """

    write: Callable[[str, str], None] | None = None
    """Stores a text under a file's name."""
    known: dict[str, Any] = field(factory=dict)
    has_written: bool = False
    """Whether there is something to go on with."""
    _waiting: dict[str, Any] = field(factory=dict)
    _is_writing: bool = False
    _lock: threading.Lock = field(factory=threading.Lock)

    def add(self, answers: Mapping[str, Any], *, hold: bool = True) -> None:
        """Keep answers; ``hold`` says whether they are ``known`` to this process, too.

        They are durable when this returns; if another thread is writing, as soon as that is done.
        """
        with self._lock:
            if hold or self.write is None:
                self.known.update(answers)
            if self.write is None:
                return
            self._waiting.update(answers)
            if self._is_writing:
                return
            self._is_writing = True
        try:
            while self._write_some():
                pass
        except BaseException:
            self._is_writing = False
            raise

    def _write_some(self) -> bool:
        """Write what waits, in one file; False if nothing does."""
        with self._lock:
            some, self._waiting = self._waiting, {}
            if not some:
                self._is_writing = False
                return False
        if self.write is not None:
            self.write(f"{digest(*some)}.json", json.dumps(some))
            self.has_written = True
        return True


def answers_of(client: Client, run_id: str, resume: str | None) -> Answers:
    """Return where a run keeps its answers; with those that it has, if it is gone on with."""

    def write(name: str, text: str) -> None:
        client.log_text(run_id, text, f"{KEPT}/{name}")

    return Answers(write, _read(client.artifacts(run_id)) if resume else {})


def _read(store: ArtifactStore) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        files = [each.path for each in store.list(KEPT)]
    except NotFound:
        return found
    for path in files:
        with store.read(path) as stream:
            content = stream.read()
        try:
            found.update(json.loads(content))
        except (TypeError, ValueError):
            continue  # Somebody else's, or cut: what it held is asked anew.
    return found


kept: ContextVar[Answers | None] = ContextVar("pegboard_evaluation_answers", default=None)
"""Where the evaluation that is under way keeps what judges say."""
