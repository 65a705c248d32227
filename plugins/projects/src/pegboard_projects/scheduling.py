"""Runs many projects: so many at a time, each tried again if it fails, until all have ended.

A caller adds tasks, and takes results as they come; it may add more while others run::

    with session() as within, Scheduler(within, concurrency=4) as scheduler:
        scheduler.add(Task(key="a", request=Request(uri="."), place=Place(run_name="a")))
        for result in scheduler:
            ...

Whatever happens in the block, nothing of it runs any more after it.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from types import TracebackType
from typing import TypeAlias

from attrs import evolve, field, frozen, validators
from pegboard.entities import RunStatus
from pegboard.errors import (
    InvalidState,
    InvalidValue,
    PegboardError,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreGone,
    StoreReadOnly,
)

from pegboard_projects import names
from pegboard_projects.contract import Outcome
from pegboard_projects.planning import Plan, Request, planned
from pegboard_projects.recording import Place
from pegboard_projects.running import Session, SubmittedRun, start

_LOOK_SECONDS = 0.5
"""A signal that comes just before a wait begins does not wake it: Python runs its handler after."""
_TRIES, _PAUSE_SECONDS = 6, 5.0
"""How often, and after which pause, a run is begun that a store out of reach does not take."""

_LASTING = (StoreCorrupt, StoreFull, StoreGone, StoreReadOnly)


@frozen(kw_only=True)
class Task:
    """A run that is to be made: ``key`` is the caller's name for it, one of its own.

    ``request.timeout_seconds`` is its limit, ``place.parent_run_id`` the run that it is nested in.
    If it fails, it is tried ``retries`` times more, each time as a new run.
    """

    key: Hashable
    request: Request
    place: Place = field(factory=Place)
    retries: int = field(default=0, validator=validators.ge(0))
    retry_seconds: float = field(default=0.0, validator=validators.ge(0))
    """How long to wait before each further attempt."""


@frozen(kw_only=True)
class Result:
    """How a task ended: FINISHED, FAILED (``timed_out`` perhaps) or KILLED.

    ``run_ids`` are those of all attempts, the last one is what counts; empty if it could not be
    begun. ``reason`` says in a sentence why it did not finish, "" if it did.
    """

    task: Task
    status: RunStatus
    run_ids: Sequence[str] = ()
    outcome: Outcome | None = None
    reason: str = ""

    @property
    def run_id(self) -> str | None:
        """The run of the last attempt; None if there was none."""
        return self.run_ids[-1] if self.run_ids else None

    @property
    def attempts(self) -> int:
        """How often it was begun."""
        return len(self.run_ids)

    @property
    def timed_out(self) -> bool:
        """Whether its last attempt took too long."""
        return self.outcome is not None and self.outcome.timed_out


Show: TypeAlias = Callable[[Task, bytes], None]
Began: TypeAlias = Callable[[Task, Plan, str], None]


@frozen
class _Waiting:
    task: Task
    run_ids: tuple[str, ...] = ()
    tries: int = 0
    """How often it was to be begun since the last attempt, without success."""
    not_before: float = 0.0


@frozen
class _Running:
    waited: _Waiting
    submitted: SubmittedRun


class Scheduler:
    """Begins tasks in the order in which they were added, and hears of their ends.

    All methods are for one thread; ``cancel`` may be called by handlers of signals, too, which is
    what ``Cancelling.aim`` makes of it.
    """

    def __init__(
        self,
        within: Session,
        *,
        concurrency: int,
        show: Show | None = None,
        began: Began | None = None,
    ) -> None:
        """Run at most ``concurrency`` tasks at a time.

        ``show`` gets the output of tasks as it comes, from a thread of each; ``began`` hears of
        each run that begins, in the scheduler's thread.
        """
        if concurrency < 1:
            raise InvalidValue("At least one task has to run at a time: concurrency is 1 or more.")
        self._within, self._concurrency = within, concurrency
        self._show, self._told = show, began
        self._waiting: deque[_Waiting] = deque()
        self._keys: set[Hashable] = set()
        """Those of tasks that wait or run."""
        self._running: dict[Hashable, _Running] = {}
        self._results: deque[Result] = deque()
        self._ended: queue.SimpleQueue[Hashable] = queue.SimpleQueue()
        self._cancelled = False
        self._unwanted: set[Hashable] = set()

    def __enter__(self) -> Scheduler:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancel what is left, and wait for its end."""
        self.cancel()
        for _ in self:
            pass

    def add(self, task: Task) -> None:
        """Let a task run when there is room; InvalidState if its key is in use."""
        if task.key in self._keys:
            raise InvalidState(f"There is a task {task.key!r} already.")
        self._keys.add(task.key)
        self._waiting.append(_Waiting(task))

    @property
    def pending(self) -> int:
        """How many tasks wait, run, or have ended without being taken by ``next``."""
        return len(self._waiting) + len(self._running) + len(self._results)

    def cancel(self, key: Hashable = None) -> None:
        """Ask one task to end, or all if ``key`` is None; return at once.

        Their results are KILLED, those of tasks that have not begun, too. What is added after all
        were cancelled does not begin any more.
        """
        # Also called by handlers of signals, between any two steps of the others: no lock.
        if key is None:
            self._cancelled = True
        else:
            self._unwanted.add(key)
        for each in list(self._running.values()):
            if key is None or each.waited.task.key == key:
                each.submitted.cancel()

    def __iter__(self) -> Iterator[Result]:
        """Yield results as tasks end, until none is left; more may be added meanwhile."""
        while self.pending:
            result = self.next()
            if result is not None:
                yield result

    def next(self, timeout: float | None = None) -> Result | None:
        """Wait for the end of a task; None after ``timeout`` seconds, or if there is no task."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.pending:
            self._begin()
            if self._results:
                return self._results.popleft()
            left = _LOOK_SECONDS if deadline is None else deadline - time.monotonic()
            try:
                key = self._ended.get(timeout=max(0.0, min(left, self._patience())))
            except queue.Empty:
                if left <= 0:
                    return None
            else:
                self._take(self._running.pop(key))
        return None

    def _patience(self) -> float:
        """Return for how long nothing is to be begun, as far as we know."""
        if len(self._running) >= self._concurrency:
            return _LOOK_SECONDS
        now = time.monotonic()
        return min([_LOOK_SECONDS, *(each.not_before - now for each in self._waiting)])

    def _begin(self) -> None:
        """Begin what there is room for; what nobody wants any more has its result."""
        now = time.monotonic()
        kept: deque[_Waiting] = deque()
        unwanted = self._cancelled or bool(self._unwanted)
        # What waits may be long, so it is looked at only as far as something can come of it.
        while self._waiting and (unwanted or len(self._running) < self._concurrency):
            each = self._waiting.popleft()
            if self._cancelled or each.task.key in self._unwanted:
                self._end(each, RunStatus.KILLED, "It was cancelled before it began.")
            elif len(self._running) >= self._concurrency or each.not_before > now:
                kept.append(each)
            elif again := self._try(each):
                kept.append(again)
        self._waiting.extendleft(reversed(kept))

    def _try(self, each: _Waiting) -> _Waiting | None:
        """Begin a task; return what is left to wait for."""
        task = each.task
        place, attempt = task.place, len(each.run_ids) + 1
        if attempt > 1:
            place = evolve(place, tags={**place.tags, names.ATTEMPT: str(attempt)})
        show, told = self._show, self._told
        try:
            submitted = start(
                task.request,
                place,
                show=None if show is None else lambda piece: show(task, piece),
                told=None if told is None else lambda plan, run_id: told(task, plan, run_id),
                within=self._within,
            )
        except StoreError as error:
            if isinstance(error, _LASTING) or each.tries + 1 >= _TRIES:
                self._end(each, RunStatus.FAILED, str(error))
                return None
            later = time.monotonic() + _PAUSE_SECONDS
            return evolve(each, tries=each.tries + 1, not_before=later)
        except PegboardError as error:
            self._end(each, RunStatus.FAILED, str(error))
            return None
        self._running[task.key] = _Running(each, submitted)
        if self._cancelled or task.key in self._unwanted:
            # It was asked for while there was nothing to be asked.
            submitted.cancel()
        submitted.when_done(lambda _: self._ended.put(task.key))
        return None

    def _take(self, running: _Running) -> None:
        """Make a result of a run that ended, or let it be tried again."""
        submitted, task = running.submitted, running.waited.task
        run_ids = (*running.waited.run_ids, submitted.run_id)
        status, outcome = RunStatus(submitted.get_status()), submitted.outcome
        assert outcome is not None
        unwanted = self._cancelled or task.key in self._unwanted
        if status is RunStatus.FAILED and len(run_ids) <= task.retries and not unwanted:
            later = time.monotonic() + task.retry_seconds
            self._waiting.append(_Waiting(task, run_ids, not_before=later))
            return
        reason = ""
        if status is not RunStatus.FINISHED:
            ended = (
                "It was cancelled." if outcome.cancelled else f"Its exit code is {outcome.code}."
            )
            reason = outcome.reason or ended
        self._end(evolve(running.waited, run_ids=run_ids), status, reason, outcome)

    def _end(
        self, each: _Waiting, status: RunStatus, reason: str, outcome: Outcome | None = None
    ) -> None:
        self._unwanted.discard(each.task.key)
        self._keys.discard(each.task.key)
        self._results.append(
            Result(
                task=each.task,
                status=status,
                run_ids=each.run_ids,
                outcome=outcome,
                reason=reason,
            )
        )


def check_request(within: Session, request: Request) -> Plan:
    """Return what would run; an error says what is wrong, before there is a run.

    Of what it fetched nothing is left: the plan is for looking at.
    """
    client = within.client
    with planned(client.host, request, client.tracking_uri) as plan:
        return plan
