"""Requests that are waiting are predicted together, with one call of the model.

Nobody is made to wait for others: while the model is busy requests queue up, and when it is free
all that wait are taken at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field

from pegboard_serving.layouts import Rows

Outcome = Any
"""What a request gets: a value, or an exception that is raised for it."""


@define(eq=False)
class _Job:
    rows: Rows
    answer: asyncio.Future[Any]


@define(eq=False)
class Batcher:
    """A thread that takes all that waits and hands it to ``run``.

    ``run`` gets the rows of each request, and returns or raises for each what it gets. A batch has
    at most ``most_rows`` rows, unless a single request has more.
    """

    run: Callable[[Sequence[Rows]], Sequence[Outcome]]
    most_rows: int = 1024
    _waiting: deque[_Job] = field(factory=deque, init=False)
    _there: threading.Event = field(factory=threading.Event, init=False)
    _closing: bool = field(default=False, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    async def predict(self, rows: Rows) -> Any:
        """Return what the rows get, once it is there."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(rows, answer))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="predict", daemon=True)
            self._thread.start()
        self._there.set()
        return await answer

    def close(self) -> None:
        """End the thread, once nothing waits any more."""
        self._closing = True
        self._there.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            self._there.wait()
            self._there.clear()
            while jobs := self._take():
                outcomes = self._outcomes(jobs)
                loop = jobs[0].answer.get_loop()
                # In a closed loop no task is left that waits.
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_deliver, jobs, outcomes)
            if self._closing:
                return

    def _outcomes(self, jobs: list[_Job]) -> Sequence[Outcome]:
        try:
            return self.run([job.rows for job in jobs])
        except Exception as error:
            return [error] * len(jobs)

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        rows = 0
        while self._waiting and (not jobs or rows + len(self._waiting[0].rows) <= self.most_rows):
            job = self._waiting.popleft()
            if not job.answer.cancelled():
                jobs.append(job)
                rows += len(job.rows)
        return jobs


def _deliver(jobs: Sequence[_Job], outcomes: Sequence[Outcome]) -> None:
    for job, outcome in zip(jobs, outcomes, strict=True):
        if job.answer.done():
            continue
        if isinstance(outcome, BaseException):
            job.answer.set_exception(outcome)
        else:
            job.answer.set_result(outcome)
