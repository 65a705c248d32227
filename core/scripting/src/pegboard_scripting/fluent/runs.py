"""The active run: starting, resuming and ending runs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard.entities import LifecycleStage, Run, RunStatus, RunTag
from pegboard.errors import InvalidState, InvalidValue, PegboardError
from pegboard.tags import PARENT_RUN_ID, RUN_NAME, RUN_NOTE

from pegboard_scripting.client.client import run_status
from pegboard_scripting.fluent import environment, hooks, lifetime, strays
from pegboard_scripting.fluent.experiments import (
    chosen_experiment_id,
    client,
    current_experiment_id,
)

if TYPE_CHECKING:
    from pegboard_scripting.client import Client

_RUN_ID = "RUN_ID"


class ActiveRun(Run):
    """A run that was started here; as a context manager, it ends the run.

    Its data is that of the moment it was started: ``get_run`` returns what was logged since.
    """

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the run, and those nested in it that were left open, as ``end_run`` does."""
        if any(open_run.run.info.run_id == self.info.run_id for open_run in here.stack):
            status = lifetime.status_after(error)
            while _end_top(status) != self.info.run_id:
                pass


@frozen(eq=False)
class OpenRun:
    """An active run and the client that it writes through; ``pid``: the process it belongs to."""

    run: ActiveRun
    client: Client
    pid: int

    def end(self, status: RunStatus) -> None:
        """Bring everything into the store and end the run there."""
        run_id, writer = self.run.info.run_id, self.client.writer
        hooks.call(
            self.client.host,
            "pegboard_run_ending",
            run=self.run,
            client=self.client,
            status=status,
        )
        try:
            self.client.set_terminated(run_id, status)
        finally:
            writer.detach(run_id)


class _Thread(threading.local):
    """The active runs of a thread, the innermost last, and how to log to that one.

    ``log`` and ``log_many`` are the writer's, None if they must be looked up anew. ``model_id`` is
    the active model.
    """

    def __init__(self) -> None:
        self.stack: list[OpenRun] = []
        self.last_run_id: str | None = None
        self.run_id = ""
        self.model_id = (environment.find("ACTIVE_MODEL_ID") or (None, None))[1]
        self.log: Callable[[str, str, float, int, int], None] | None = None
        self.log_many: Callable[[str, Mapping[str, float], int, int], None] | None = None


here = _Thread()
_starting = threading.RLock()
"""Held while a run is started by logging, so that threads that log at once start but one."""


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
) -> ActiveRun:
    """Start a run, or resume the one with ``run_id``, and make it the active one.

    Use it in a ``with`` statement, or end it with ``end_run``. A run inside an active one needs
    ``nested=True``. The experiment is ``experiment_id``, else that of ``set_experiment``. Without
    ``run_id``, the environment variable ``MLFLOW_RUN_ID`` (or ``PEGBOARD_RUN_ID``) names a run to
    resume, once.
    """
    if here.stack and not nested:
        raise InvalidState(
            f"The run {here.stack[-1].run.info.run_id!r} is active.",
            hint="End it with end_run() first, or start one inside it with nested=True.",
        )
    store_client = client()
    existing = run_id or _run_id_of_environment()
    if existing:
        run = _resume(store_client, existing, run_name, _with_note(tags, description))
    else:
        parent = _parent(store_client, parent_run_id)
        given = {**_with_note(tags, description), **({PARENT_RUN_ID: parent} if parent else {})}
        run = _create(store_client, experiment_id, run_name, given)
    return _activate(store_client, run, {"log_system_metrics": log_system_metrics})


def _run_id_of_environment() -> str | None:
    found = environment.find(_RUN_ID)
    if found is None:
        return None
    del os.environ[found[0]]
    return found[1]


def _with_note(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, str]:
    given = {key: str(value) for key, value in (tags or {}).items()}
    if description:
        if RUN_NOTE in given:
            raise InvalidValue(f"Give either description or the tag {RUN_NOTE!r}, not both.")
        given[RUN_NOTE] = description
    return given


def _parent(store_client: Client, parent_run_id: str | None) -> str | None:
    active = here.stack[-1].run.info.run_id if here.stack else None
    if parent_run_id is None:
        return active
    if active is not None and parent_run_id != active:
        raise InvalidState(
            f"The run {active!r} is active, so a run in {parent_run_id!r} cannot be started.",
            hint="End it with end_run() first.",
        )
    _refuse_deleted(store_client.get_run(parent_run_id))
    return parent_run_id


def _refuse_deleted(run: Run) -> None:
    if run.info.lifecycle_stage is LifecycleStage.DELETED:
        raise InvalidState(
            f"The run {run.info.run_id!r} is deleted.", hint="Restore it with restore_run first."
        )


def _resume(
    store_client: Client, run_id: str, run_name: str | None, tags: Mapping[str, str]
) -> Run:
    run = store_client.get_run(run_id)
    chosen = chosen_experiment_id()
    if chosen is not None and chosen != run.info.experiment_id:
        raise InvalidState(
            f"The run {run_id!r} belongs to the experiment {run.info.experiment_id!r}, "
            f"but {chosen!r} was chosen with set_experiment.",
            hint="Choose the run's own experiment.",
        )
    _refuse_deleted(run)
    store_client.update_run(run_id, RunStatus.RUNNING, run_name)
    if tags:
        store_client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    return store_client.get_run(run_id)


def _create(
    store_client: Client,
    experiment_id: str | None,
    run_name: str | None,
    tags: Mapping[str, str],
) -> Run:
    merged = {**hooks.run_context(store_client.host), **tags}
    if run_name:
        merged[RUN_NAME] = run_name
    return store_client.create_run(
        current_experiment_id() if experiment_id is None else experiment_id,
        tags=merged,
        run_name=run_name,
    )


def _activate(store_client: Client, run: Run, options: Mapping[str, Any]) -> ActiveRun:
    active = ActiveRun(run.info, run.data, run.inputs)
    open_run = OpenRun(active, store_client, os.getpid())
    store_client.writer.attach(run.info.run_id)
    here.stack.append(open_run)
    _bind()
    lifetime.watch(run.info.run_id, open_run)
    hooks.call(
        store_client.host, "pegboard_run_started", run=run, client=store_client, options=options
    )
    return active


def end_run(status: str = RunStatus.FINISHED) -> None:
    """End the active run, if there is one, with the name of a status.

    If the store cannot take note of it (the run was deleted, say), a warning says so: the run is
    not active any more, and the script goes on.
    """
    ended_as = run_status(status)
    if here.stack:
        _end_top(ended_as)


def _end_top(status: RunStatus) -> str:
    """End this thread's innermost run and return its id; warn if the store does not take it."""
    open_run = here.stack.pop()
    run_id = here.last_run_id = open_run.run.info.run_id
    _bind()
    try:
        lifetime.end(run_id, status)
    except PegboardError as error:
        logging.getLogger("pegboard").warning(
            "The end of the run %r (%s) was not recorded: %s",
            open_run.run.info.run_name,
            run_id,
            error,
        )
    return run_id


def end_all(status: RunStatus) -> None:
    """End all active runs of this thread."""
    while here.stack:
        _end_top(status)


def _bind() -> None:
    """Look up how to log to the innermost run, so that logging itself need not."""
    here.log = here.log_many = None
    if here.stack:
        top = here.stack[-1]
        writer = top.client.writer
        here.run_id, here.log, here.log_many = top.run.info.run_id, writer.log, writer.log_many


def active() -> OpenRun:
    """Return the run to log to: ``current``, else one that is started."""
    found = current()
    if found is None:
        with _starting:
            # Another thread may have started one meanwhile.
            found = current()
            if found is None:
                others = len(lifetime.open_runs())
                strays.warn(start_run(), others)
                return here.stack[-1]
    if here.stack:
        if here.log is None:
            _bind()
    else:
        # Not kept: the run may end, or others begin, in threads that cannot tell this one.
        here.run_id = found.run.info.run_id
    return found


def current() -> OpenRun | None:
    """Return this thread's innermost run, else the only one open in the process, if it is."""
    if here.stack:
        return here.stack[-1]
    return lifetime.only_open()


def _after_fork() -> None:
    """In a forked child: log through a new writer. The runs stay the parent's."""
    global _starting
    _starting = threading.RLock()
    here.log = here.log_many = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def active_run() -> ActiveRun | None:
    """Return the run that this thread started and not ended, the innermost of several; or None.

    A thread without one logs to the run that another thread has open, if that is the only one.
    """
    return here.stack[-1].run if here.stack else None


def last_active_run() -> Run | None:
    """Return the active run, else the last one that this thread ended, as it is now."""
    if here.stack:
        return here.stack[-1].run
    return None if here.last_run_id is None else get_run(here.last_run_id)


def get_run(run_id: str) -> Run:
    """Return a run with its latest data, deleted ones too; else NotFound."""
    return client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """Return the run that a run is nested in; None if it is in none."""
    return client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Mark a run as deleted."""
    client().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Undo ``delete_run``."""
    client().restore_run(run_id)
