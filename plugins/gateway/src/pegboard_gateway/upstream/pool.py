"""The connections to one server: kept, bounded, and queued for in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from attrs import frozen
from pegboard.contracts.llm import Trouble

from pegboard_gateway.entities import Busy
from pegboard_gateway.upstream.connection import Connection
from pegboard_gateway.upstream.errors import UpstreamError

if TYPE_CHECKING:
    from pegboard_gateway.upstream.opening import Opener


@frozen
class Bounds:
    """How many connections and waiting calls one server may have."""

    connections: int = 1000
    waiting: int = 2000
    keep_seconds: float = 50.0
    """How long a connection that is not used is kept. Most vendors close theirs after a minute."""


class Pool:
    """Gives out connections to one server."""

    def __init__(self, opener: Opener, bounds: Bounds) -> None:
        self._opener = opener
        self._bounds = bounds
        self._idle: list[Connection] = []
        self._count = 0
        """Those that are open or being opened."""
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._all: set[Connection] = set()

    def kept(self) -> Connection | None:
        """Return a connection that is open and free, if there is one."""
        while self._idle:
            # The one last used is the freshest; the others grow old and are closed.
            found = self._idle.pop()
            if found.is_usable:
                return found
        return None

    async def take(self, seconds: float, *, fresh: bool = False) -> Connection:
        """Return a connection, within so many seconds.

        Raises LLMError: Busy if too many calls wait already, TIMEOUT, UNREACHABLE.
        """
        if not fresh and not self._waiting and (found := self.kept()) is not None:
            return found
        if self._count >= self._bounds.connections and fresh and (found := self.kept()) is not None:
            found.abort()
        if self._count >= self._bounds.connections:
            found = await self._queue(seconds)
            if found is not None:
                return found
        else:
            self._count += 1
        return await self._open(seconds)

    async def _open(self, seconds: float) -> Connection:
        """Open a connection, for which a place is taken already."""
        made = Connection(self._opener.origin, asyncio.get_running_loop(), self._released)
        try:
            await self._opener.open(made, seconds)
        except BaseException:
            if made.was_open:
                # It gives its place back itself.
                made.abort()
            else:
                self._free()
            raise
        if not made.is_open:
            # It was closed in the same moment, and gave its place back.
            text = "{} closed the connection at once."
            raise UpstreamError(Trouble.UNREACHABLE, text, self._opener.origin)
        self._all.add(made)
        return made

    async def _queue(self, seconds: float) -> Connection | None:
        """Wait for a connection, or for a place to open one: then None."""
        if len(self._waiting) >= self._bounds.waiting:
            raise Busy("Too many calls wait for the model's server; try again.")
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            self._give_back(waiter)
            text = f"All connections to the model's server were in use for {seconds:g} s."
            raise Busy(text) from None
        except asyncio.CancelledError:
            self._give_back(waiter)
            raise

    def _give_back(self, waiter: asyncio.Future[Connection | None]) -> None:
        if not waiter.done() or waiter.cancelled():
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        elif (given := waiter.result()) is None:
            self._free()
        else:
            self._released(given)

    def _released(self, connection: Connection) -> None:
        """Take a connection back; it rests, or is closed."""
        if not connection.is_open:
            self._all.discard(connection)
            self._free()
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)
        connection.rest(self._bounds.keep_seconds)

    def _free(self) -> None:
        """Let somebody else have a place."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._count -= 1

    def close(self) -> None:
        """Close all connections."""
        for each in list(self._all):
            each.abort()
        self._idle.clear()

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many connections are open, how many of them rest, and how many calls wait."""
        return self._count, len(self._idle), len(self._waiting)
