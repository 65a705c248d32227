"""Models in this process: called in a few threads, within bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from pegboard.contracts.llm import Json, LLMError, LLMRequest, LocalProvider, Trouble

from pegboard_gateway.entities import Busy

T = TypeVar("T")

THREADS = 4
_WAITING_PER_THREAD = 16
_DONE: list[Json] = []


class _Work(Generic[T]):
    """Some work, and whether a thread has begun with it."""

    def __init__(self, do: Callable[[], T]) -> None:
        self._do, self.has_begun = do, False

    def __call__(self) -> T:
        self.has_begun = True
        return self._do()


@contextmanager
def _in_time(work: _Work[T]) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        if not work.has_begun:
            raise Busy("Other calls kept all threads for models in this process.") from None
        text = "The model in this process did not answer in time."
        raise LLMError(Trouble.TIMEOUT, text) from None


class Local:
    """Calls models in threads."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, "model")
        self._most = threads * (1 + _WAITING_PER_THREAD)
        self._count = 0
        # Threads count too: what is done at once has ended before anybody waits for it.
        self._counting = threading.Lock()

    async def answer(self, model: LocalProvider, request: LLMRequest, until: float) -> Json:
        """Return a whole answer; TIMEOUT or Busy if there is none at a time of the loop's clock."""
        work = _Work(lambda: model.answer(request))
        with _in_time(work):
            async with asyncio.timeout_at(until):
                return await self.run(work)

    def stream(self, model: LocalProvider, request: LLMRequest, until: float) -> LocalStream:
        """Return a streamed answer, of which nothing is made before it is read."""
        return LocalStream(self, model, request, until)

    async def run(self, work: Callable[[], T]) -> T:
        """Do some work in a thread; Busy if too much waits already."""
        with self._counting:
            if self._count >= self._most:
                raise Busy("Too many calls wait for models in this process; try again.")
            self._count += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._end)
        return await asyncio.wrap_future(future)

    def _end(self, _: Future[Any]) -> None:
        with self._counting:
            self._count -= 1

    def later(self, work: Callable[[], object]) -> None:
        """Do some work in a thread, for which nobody waits."""
        self._pool.submit(work)

    def close(self) -> None:
        """End the threads, once what they do is done."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class LocalStream:
    """The events of a model in this process; each is made when it is asked for."""

    def __init__(
        self, local: Local, model: LocalProvider, request: LLMRequest, until: float
    ) -> None:
        self._local, self._model, self._request, self._until = local, model, request, until
        self._events: Iterator[Json] | None = None
        self._busy: asyncio.Future[list[Json]] | None = None
        self._ended = False

    async def read(self) -> list[Json]:
        """Return the next events, none at the end; TIMEOUT or Busy if they do not come in time."""
        if self._ended:
            return _DONE
        work = _Work(self._next)
        self._busy = asyncio.ensure_future(self._local.run(work))
        # Who gives up waiting must not take the thread for idle.
        with _in_time(work):
            async with asyncio.timeout_at(self._until):
                found = await asyncio.shield(self._busy)
        self._busy = None
        self._ended = not found
        return found

    def _next(self) -> list[Json]:
        if self._events is None:
            self._events = iter(self._model.events(self._request))
        try:
            return [next(self._events)]
        except StopIteration:
            return []

    def close(self) -> None:
        """Stop the model; at once, or after the event that it makes just now."""
        if self._ended:
            return
        self._ended = True
        if self._busy is not None and not self._busy.done():
            self._busy.add_done_callback(self._close_later)
        else:
            self._local.later(self._stop)

    def _close_later(self, done: asyncio.Future[list[Json]]) -> None:
        if not done.cancelled():
            done.exception()
        self._local.later(self._stop)

    def _stop(self) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            close()
