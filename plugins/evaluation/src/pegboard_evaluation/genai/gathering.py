"""Scores on their way into the store: what comes while one batch is written makes up the next.

A transaction costs more than what a score takes in it. So the thread that finds nobody writing
writes all that waits, and the others go on with their rows.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from attrs import define, field
from pegboard_tracing import api
from pegboard_tracing.api import Assessment

_MOST = 500
"""How many wait at the most: a process that is killed loses no more of what it had scored."""


@define(eq=False)
class Gathering:
    """Logs assessments. Used by all threads of an evaluation."""

    _is_gathered: bool = field(factory=api.takes_many)
    """Else each thread sends its own: a server is waited for by all of them at a time."""
    _waiting: list[tuple[str, Assessment]] = field(factory=list)
    _is_writing: bool = False
    _changed: threading.Condition = field(factory=threading.Condition)

    def add(self, given: Sequence[tuple[str, Assessment]]) -> None:
        """Log assessments, each with the id of its trace.

        They are durable when this returns; if another thread is writing, as soon as that is done.
        """
        if not given:
            return
        if not self._is_gathered:
            api.log_assessments(given)
            return
        with self._changed:
            self._waiting.extend(given)
            while self._is_writing and len(self._waiting) > _MOST:
                self._changed.wait()
            if self._is_writing:
                return
            self._is_writing = True
        self._write()

    def finish(self) -> None:
        """Return when all that was added is durable."""
        with self._changed:
            while self._is_writing:
                self._changed.wait()
            self._is_writing = True
        self._write()

    def _write(self) -> None:
        some: list[tuple[str, Assessment]] = []
        try:
            while some := self._taken():
                api.log_assessments(some)
        except BaseException:
            with self._changed:
                # They may yet be written, when the evaluation is summed up.
                self._waiting[:0] = some
                self._is_writing = False
                self._changed.notify_all()
            raise

    def _taken(self) -> list[tuple[str, Assessment]]:
        """Return what waits; if nothing does, nobody is writing any more."""
        with self._changed:
            some, self._waiting = self._waiting, []
            self._is_writing = bool(some)
            self._changed.notify_all()
            return some
