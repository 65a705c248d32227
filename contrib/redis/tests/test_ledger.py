"""Counters in a real Redis keep the contract of ledgers, and say when they cannot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
import redis
from pegboard import config
from pegboard.errors import ConfigError, StoreError
from pegboard.host import Host
from pegboard_gateway import Charge, Ledger, LedgerContract, Window
from pegboard_redis.ledger import RedisLedger


class TestRedis(LedgerContract):
    @pytest.fixture(autouse=True)
    def _fresh(self, port: int) -> None:
        with redis.Redis(port=port) as client:
            client.flushall()
        self.url = f"redis://127.0.0.1:{port}/0"

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = RedisLedger(self.url)
        yield ledger
        ledger.close()


def test_counters_end_when_nobody_needs_them(port: int) -> None:
    async def act() -> None:
        ledger = RedisLedger(f"redis://127.0.0.1:{port}/1")
        charge = Charge("calls", Window.parse("minute"), 1, 10)
        await ledger.reserve("a", [charge], 1_700_000_000_000)
        await ledger.settle("a", [1])

    asyncio.run(act())
    with redis.Redis(port=port, db=1) as client:
        keys = list(client.scan_iter())
        assert len(keys) == 1
        # What is left of the minute, and an hour.
        assert 3_600_000 < client.pttl(keys[0]) <= 3_640_000


def test_a_reservation_that_is_sent_twice_counts_once(port: int) -> None:
    async def act() -> int:
        ledger = RedisLedger(f"redis://127.0.0.1:{port}/2")
        window = Window.parse("day")
        for _ in range(2):
            assert not await ledger.reserve("a", [Charge("calls", window, 5, 6)], 0)
        return (await ledger.levels([("calls", window)], 0))[0].level

    assert asyncio.run(act()) == 5


def test_where_redis_is_not_there_nothing_passes_and_no_password_shows() -> None:
    async def act() -> None:
        ledger = RedisLedger("redis://user:secret-word@127.0.0.1:1/0")
        await ledger.reserve("a", [Charge("calls", Window.parse("day"), 1, 1)], 0)

    with pytest.raises(StoreError, match="cannot be reached") as caught:
        asyncio.run(act())
    assert "secret-word" not in str(caught.value)


def test_the_host_finds_it() -> None:
    declared = Host(config.Config()).declared("gateway ledger")
    assert {"memory", "sqlite", "redis", "rediss"} <= set(declared)


def test_what_is_no_url_of_redis_is_refused() -> None:
    with pytest.raises(ConfigError, match="not one of Redis"):
        RedisLedger("redis")
