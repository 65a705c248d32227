"""Threads for models in this process: what is over makes room, however soon it was over."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest
from pegboard_gateway.path.local import Local


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Have threads take turns so often that some work is over before anybody waits for it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy_threads")
def test_work_that_is_done_at_once_makes_room() -> None:
    local = Local(threads=1)

    async def works() -> int:
        return sum([await local.run(lambda: 1) for _ in range(3_000)])

    assert asyncio.run(works()) == 3_000
    local.close()
