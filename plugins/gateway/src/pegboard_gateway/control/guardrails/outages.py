"""Whether a judge is out of order, or only fails on what a caller sends it.

A text may be too long for the judge, break its server, keep it busy until the time-out, or be
refused by its vendor; a caller may use up a limit, a budget or all connections. None of that may
switch a guardrail off. So a failure counts as an outage only if a question of our own, short,
harmless and asked in nobody's name, fails as well, and in a way that says the judge is not there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from pegboard.contracts.llm import LLMError, Trouble

from pegboard_gateway.entities import LeftAlone

OUT = frozenset(
    {
        Trouble.CREDENTIALS,
        Trouble.NO_MODEL,
        Trouble.SERVER,
        Trouble.TIMEOUT,
        Trouble.UNREACHABLE,
    }
)
"""How a judge fails that is not there; one that is busy, or whose budget is used up, is. What other
calls of this gateway are in the way of is ``entities.Busy``, and none of these."""
FRESH_SECONDS = 5.0
"""How long what was found out holds for others who ask."""


class Outage:
    """Finds out whether a judge is out of order."""

    def __init__(self, probe: Callable[[], Awaitable[None]]) -> None:
        """``probe`` asks the judge something harmless; LLMError."""
        self._probe = probe
        self._lock = asyncio.Lock()
        self._is_out = False
        self._checked = -FRESH_SECONDS

    def is_over(self) -> None:
        """Note that the judge has answered."""
        self._is_out = False

    async def explains(self, error: LLMError) -> bool:
        """Whether a failure comes from an outage, and from nothing that a caller does."""
        left_alone = isinstance(error, LeftAlone)
        if not left_alone and error.trouble not in OUT:
            return False
        async with self._lock:
            # Of an upstream that is left alone nothing new can be learnt: the last answer holds.
            if not left_alone and time.monotonic() - self._checked >= FRESH_SECONDS:
                await self._check()
            return self._is_out

    async def _check(self) -> None:
        try:
            await self._probe()
        except LeftAlone:
            return
        except LLMError as error:
            self._is_out = error.trouble in OUT
        else:
            self._is_out = False
        self._checked = time.monotonic()
