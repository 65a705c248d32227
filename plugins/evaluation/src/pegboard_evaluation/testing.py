"""``pegboard.test``: a test of pytest that evaluates. Imports nothing of weight until it runs."""

from __future__ import annotations

import datetime
import functools
import os
import threading
import uuid
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from attrs import define, field
from pegboard.errors import InvalidState

P = ParamSpec("P")
R = TypeVar("R")

MARK = "__pegboard_test__"
_RUN_TYPE, _SESSION = "mlflow.runType", "mlflow.test.session_id"
_NAME, _CASE = "mlflow.test.name", "mlflow.test.case_id"


@overload
def test(fn: Callable[P, R]) -> Callable[P, R]: ...


@overload
def test(fn: None = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def test(fn: Any = None) -> Any:
    """Mark a test of pytest that evaluates: what it evaluates goes to the run of all such tests.

    Write ``@pegboard.test`` above a test. ``genai.evaluate`` in it uses that run, and its traces
    tell the test. The run fails if one of the tests does.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            if "PYTEST_CURRENT_TEST" in os.environ and session.id is None:
                raise InvalidState(
                    "@pegboard.test needs the plugin of pegboard-evaluation, which pytest did not "
                    "load.",
                    hint="Run it without PYTEST_DISABLE_PLUGIN_AUTOLOAD, or with "
                    "-p pegboard_evaluation.pytest_plugin.",
                )
            return function(*args, **kwargs)

        setattr(wrapper, MARK, True)
        return wrapper

    return decorate if fn is None else decorate(fn)


# Pytest would take it for a test where it is imported by its name.
test.__test__ = False  # type: ignore[attr-defined]


@define
class Session:
    """The run of one session of pytest, which starts with the first test that evaluates."""

    id: str | None = None
    failed: bool = False
    run_id: str | None = None
    _lock: threading.Lock = field(factory=threading.Lock)

    def tags(self, test: str, case: str | None) -> dict[str, str]:
        """Return what traces of a test tell of it."""
        return {_NAME: test, **({_CASE: case} if case is not None else {})}

    def open(self) -> str:
        """Start the run, if it is not there; return its id."""
        from pegboard_scripting.fluent import runs

        with self._lock:
            if self.run_id is None:
                now = datetime.datetime.now().strftime("%Y%m%dT%H%M%S")
                self.id, self.failed = f"{now}-{uuid.uuid4().hex[:6]}", False
                tags = {_RUN_TYPE: "test", _SESSION: self.id}
                nested = runs.active_run() is not None
                name = f"tests {self.id}"
                self.run_id = runs.start_run(run_name=name, nested=nested, tags=tags).info.run_id
            return self.run_id

    def end(self) -> None:
        """End the run, if there is one."""
        if self.run_id is None:
            return
        from pegboard_scripting.fluent import runs

        active = runs.active_run()
        if active is not None and active.info.run_id == self.run_id:
            runs.end_run("FAILED" if self.failed else "FINISHED")
        self.run_id = self.id = None


session = Session()
"""That of this process."""
