"""What is left to do when a call is over: settle its counters, then keep its record.

With counters in memory that is done at once. Others are settled beside the calls that go on, in
their order and again until it succeeds; a process that ends before leaves it to its journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import NamedTuple, Protocol

from pegboard_gateway.control.contract import Ledger
from pegboard_gateway.control.journal import Charged
from pegboard_gateway.control.rows import Row

_AT_ONCE = 64
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0

logger = logging.getLogger(__name__)


class Closed(NamedTuple):
    """A call that is over."""

    call: str
    row: Row | None
    """Its record; None if it was never admitted."""
    reservations: Sequence[Sequence[Charged]] = ()
    """Of each reservation its charges, with the amounts that they end at."""
    after: Awaitable[object] | None = None
    """A reservation that was still being made when the call ended."""
    then: Callable[[], object] | None = None
    """Called when all is settled; returns None or an awaitable."""


class Recorder(Protocol):
    """Keeps records."""

    def add(self, closed: Closed) -> None:
        """Keep the record of a call soon; never waits. What is kept is reported to the journal."""


def reservation_name(call: str, number: int) -> str:
    """Return the name of a call's reservation: 0 is of its admission, the others of attempts."""
    return f"{call}/{number}"


class Settler:
    """Settles the calls of one event loop in a shared ledger."""

    def __init__(self, ledger: Ledger, recorder: Recorder) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._waiting: deque[Closed] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, closed: Closed) -> None:
        """Settle a call soon."""
        self._waiting.append(closed)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def drain(self) -> None:
        """Wait until all is settled."""
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)

    async def close(self, patience_seconds: float = 5.0) -> None:
        """Wait a little until all is settled; what is not is left to the journal."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.drain(), patience_seconds)
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while self._waiting:
            some = [self._waiting[n] for n in range(min(len(self._waiting), _AT_ONCE))]
            ends = await asyncio.gather(*map(self._settle, some), return_exceptions=True)
            failed = []
            for closed, end in zip(some, ends, strict=True):
                self._waiting.popleft()
                if isinstance(end, Exception):
                    failed.append(closed)
            self._waiting.extendleft(reversed(failed))
            if not failed:
                pause = _FIRST_PAUSE
                continue
            trouble = next(end for end in ends if isinstance(end, Exception))
            logger.warning("Counters cannot be settled; this is tried again: %s", trouble)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _settle(self, closed: Closed) -> None:
        if closed.after is not None:
            with contextlib.suppress(Exception):
                await asyncio.shield(asyncio.ensure_future(closed.after))
        for number, charges in enumerate(closed.reservations):
            if charges:
                amounts = [charge[3] for charge in charges]
                soon = self._ledger.settle(reservation_name(closed.call, number), amounts)
                if isawaitable(soon):
                    await soon
        self._recorder.add(closed)
        if closed.then is not None:
            more = closed.then()
            if isawaitable(more):
                await more
