"""Guardrails that fail or hang: nothing passes them, and the caller hears of it.

A guardrail of one's own may raise anything, or wait for a service that never answers. Neither may
let a text through, keep a call for ever, or cut a stream without a word.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import TypeVar

from pegboard.contracts.llm import Json, LLMError, Trouble

from pegboard_gateway.control.contract import Guard, GuardrailFailed, Soon, StreamGuard
from pegboard_gateway.entities import Asked

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Faults:
    """What becomes of the faults of one guardrail."""

    def __init__(self, name: str, endpoint: str, seconds: float) -> None:
        """``seconds``: how long one answer of it is waited for."""
        self._name, self._endpoint, self._seconds = name, endpoint, seconds

    def had(self, work: Callable[[], Soon[T]]) -> Soon[T]:
        """Return what it returns; LLMError for whatever it raises, or if it takes too long."""
        try:
            soon = work()
        except LLMError:
            raise
        except Exception as error:
            raise self._failed() from error
        return self._awaited(soon) if isawaitable(soon) else soon

    async def _awaited(self, soon: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await soon
        except LLMError:
            raise
        except Exception as error:
            if not limit.expired():
                raise self._failed() from error
            raise GuardrailFailed(
                Trouble.TIMEOUT,
                f"The guardrail {self._name!r} of this endpoint took longer than "
                f"{self._seconds:g} s, so nothing passes.",
            ) from None

    def _failed(self) -> GuardrailFailed:
        """Log the exception in progress, which may hold what callers must not see."""
        logger.exception("The guardrail %r of the endpoint %r failed.", self._name, self._endpoint)
        return GuardrailFailed(
            Trouble.SERVER,
            f"The guardrail {self._name!r} of this endpoint failed, so nothing passes.",
            hint="The gateway's log says why.",
        )


class SafeGuard(Guard):
    """A guard whose faults are told."""

    def __init__(self, guard: Guard, faults: Faults) -> None:
        self._guard, self._faults = guard, faults

    def before(self, asked: Asked) -> Soon[Asked]:
        """Return what may be asked."""
        return self._faults.had(lambda: self._guard.before(asked))

    def after(self, asked: Asked, answer: Json) -> Soon[Json]:
        """Return what may be answered."""
        return self._faults.had(lambda: self._guard.after(asked, answer))

    def stream(self, asked: Asked) -> StreamGuard | None:
        """Return what watches a streamed answer."""
        found = self._faults.had(lambda: self._guard.stream(asked))
        return None if found is None else _SafeStream(found, self._faults)  # type: ignore[arg-type]


class _SafeStream(StreamGuard):
    def __init__(self, guard: StreamGuard, faults: Faults) -> None:
        self._guard, self._faults = guard, faults

    def feed(self, events: Sequence[Json]) -> Soon[Sequence[Json]]:
        """Return the events that may go on."""
        return self._faults.had(lambda: self._guard.feed(events))

    def end(self) -> Soon[Sequence[Json]]:
        """Return what was held back."""
        return self._faults.had(self._guard.end)
