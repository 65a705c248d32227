"""Backends that were written for MLflow, found by their entry points, ``mlflow.project_backend``.

Such a backend fetches the project itself and creates the run itself, with MLflow's client, so it
needs the package mlflow, and it is called in this process.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen
from pegboard.plugin_calls import blamed

from pegboard_projects.contract import Outcome, Submitted

GROUP = "mlflow.project_backend"


@frozen
class MlflowBackend:
    """A backend by the name of its entry point."""

    name: str

    def submit(
        self, arguments: Mapping[str, Any], variables: Mapping[str, str]
    ) -> tuple[str, Submitted]:
        """Begin a run, and return its id and what waits for it.

        ``arguments`` are those of MLflow's ``AbstractBackend.run``; ``variables`` are set in this
        process meanwhile, so that MLflow's client in it finds the store.
        """
        from importlib import metadata

        (found,) = metadata.entry_points(group=GROUP, name=self.name)
        fault = "The fault is the plugin's that brings it."
        with _set(variables), blamed(f"The backend {self.name!r} could not begin", fault):
            theirs = found.load()().run(**arguments)
        return str(theirs.run_id), _Theirs(theirs)


def names() -> list[str]:
    """Return the names of the backends that are installed."""
    # Only where a runner of another name is asked for.
    from importlib import metadata

    return sorted({point.name for point in metadata.entry_points(group=GROUP)})


@contextlib.contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Theirs(Submitted):
    """MLflow's SubmittedRun, waited for in a thread: it knows no time-outs."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs
        self._cancelled = False
        self._outcome: Outcome | None = None
        self._done = threading.Event()
        threading.Thread(target=self._watch, name="mlflow-backend", daemon=True).start()

    def _watch(self) -> None:
        try:
            fine = bool(self._theirs.wait())
            reason = "" if fine else f"The backend says {self._theirs.get_status()}."
        except Exception as error:
            # Of a plugin that is not ours: whatever it is, the run has an end.
            fine, reason = False, f"The backend failed: {type(error).__name__}: {error}"
        self._outcome = Outcome(
            code=0 if fine else None,
            reason="" if self._cancelled else reason,
            cancelled=self._cancelled and not fine,
        )
        self._done.set()

    def wait(self, timeout: float | None = None) -> Outcome | None:
        self._done.wait(timeout)
        return self._outcome

    def cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            threading.Thread(target=self._theirs.cancel, daemon=True).start()
