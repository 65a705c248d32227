"""Counters in Redis: each reservation, and each end of one, is one script that Redis runs whole."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

from pegboard.errors import ConfigError, StoreError
from pegboard_gateway import Charge, Ledger, Level, Refusal, Window
from redis.asyncio import Redis
from redis.exceptions import RedisError

from pegboard_redis.scripts import RESERVE, SETTLE

_PREFIX = "{pegboard-gateway}:"
_SECONDS = 5.0
"""How long an answer of Redis is waited for; a call that cannot be counted is not let through."""
_KEPT_MS = 3_600_000
_LONGEST_MS = 7 * 86_400_000
"""How long a reservation is known that nobody settles; what it took stays counted."""


class RedisLedger(Ledger):
    """Counters that several machines share; its methods are awaited."""

    shared = True

    def __init__(self, url: str) -> None:
        """Use the Redis of a URL; ConfigError if it is not one. Nothing is sent yet."""
        self._url = url
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _Client] = WeakKeyDictionary()
        try:
            _Client(url)
        except ValueError as error:
            raise ConfigError(
                "The URL of the gateway's ledger is not one of Redis.",
                hint="Write it like redis://HOST:6379/0 or rediss://USER:PASSWORD@HOST:6380.",
            ) from error

    async def reserve(
        self, reservation: str, charges: Sequence[Charge], now_ms: int
    ) -> Sequence[Refusal]:
        """Take all charges, and return nothing; or take none, and return those refused."""
        keys = [_PREFIX + "r:" + reservation]
        given: list[str | int] = []
        ends: list[int] = []
        for counter, window, amount, limit in charges:
            start, end = window.span(now_ms)
            keys.append(_counter(counter, start, end))
            given += [str(amount), "" if limit is None else str(limit), end - now_ms + _KEPT_MS]
            ends.append(end)
        longest = min(max(ends, default=now_ms) - now_ms + _KEPT_MS, _LONGEST_MS)
        with _errors():
            found = await self._client().reserve(keys=keys, args=[longest, *given])
        values = [int(value) for value in found]
        return [
            Refusal(values[n], values[n + 1], values[n + 2], ends[values[n]])
            for n in range(0, len(values), 3)
        ]

    async def settle(self, reservation: str, amounts: Sequence[int]) -> None:
        """Replace the amounts of a reservation, and hold them no more."""
        with _errors():
            await self._client().settle(
                keys=[_PREFIX + "r:" + reservation], args=[str(amount) for amount in amounts]
            )

    async def holds(self, reservation: str) -> bool:
        """Return whether a reservation was taken, and is not settled yet."""
        with _errors():
            return bool(await self._client().redis.exists(_PREFIX + "r:" + reservation))

    async def levels(self, counters: Sequence[tuple[str, Window]], now_ms: int) -> Sequence[Level]:
        """Return where counters stand in the windows around a time."""
        with _errors():
            pipeline = self._client().redis.pipeline(transaction=True)
            for counter, window in counters:
                pipeline.hmget(_counter(counter, *window.span(now_ms)), ["l", "h"])
            found = await pipeline.execute() if counters else []
        return [Level(int(level or 0), int(held or 0)) for level, held in found]

    def close(self) -> None:
        """Close the connections of event loops that still run; those of others are closed."""
        for loop, client in list(self._clients.items()):
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(client.close(), loop)
        self._clients.clear()

    def _client(self) -> _Client:
        """Return what speaks to Redis from this event loop."""
        loop = asyncio.get_running_loop()
        found = self._clients.get(loop)
        if found is None:
            found = self._clients[loop] = _Client(self._url)
        return found


class _Client:
    """The connections of one event loop, and the scripts."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(
            url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, decode_responses=True
        )
        self.reserve = self.redis.register_script(RESERVE)
        self.settle = self.redis.register_script(SETTLE)

    async def close(self) -> None:
        await cast("Awaitable[Any]", self.redis.aclose())


def _counter(counter: str, start: int, end: int) -> str:
    return f"{_PREFIX}c:{start}:{end}:{counter}"


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turn errors of Redis into errors for people, without the URL, which may hold a password."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreError(
            f"The gateway's counters in Redis cannot be reached: {type(error).__name__}.",
            hint="No call is let through that cannot be counted. Look whether Redis runs, and "
            "whether the ledger's URL is right.",
        ) from error


def make(uri: str, directory: Path) -> Ledger:  # noqa: ARG001
    """Return the counters of a URI."""
    return RedisLedger(uri)
