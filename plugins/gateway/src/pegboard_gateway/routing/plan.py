"""What one call tries next, until it has an answer or nothing is left to try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from attrs import define, field, frozen
from pegboard.contracts.llm import LLMError, Trouble

from pegboard_gateway.entities import LeftAlone
from pegboard_gateway.routing.upstreams import UNLIMITED, State

if TYPE_CHECKING:
    from pegboard_gateway.settings import Retries, Routing

T = TypeVar("T")
"""What a target is to the caller."""


@frozen
class Try(Generic[T]):
    """Try this target now."""

    target: T


@frozen
class Later:
    """Wait so many seconds, then ask again."""

    seconds: float


@frozen
class Queue(Generic[T]):
    """Wait until another call to this target's upstream has ended, then ask again."""

    target: T


@frozen
class Over:
    """Nothing is left to try."""

    error: LLMError


Step: TypeAlias = "Try[T] | Later | Queue[T] | Over"


@define
class _Place(Generic[T]):
    """A target in the order of a call."""

    target: T
    state: State
    attempts: int = 0
    not_before: float = 0.0
    """When it may be tried again."""
    is_out: bool = False
    """Whether this call tries it no more."""


@define
class Plan(Generic[T]):
    """The attempts of one call.

    ``next`` says what to do; after each ``Try`` one of ``failed``, ``skipped`` (nothing was sent)
    follows, unless it succeeded.
    """

    retries: Retries
    routing: Routing
    random: Random
    until: float
    """When all has to be over."""
    _places: list[_Place[T]] = field(factory=list)
    _current: _Place[T] | None = None
    _total: int = 0
    _tried: int = 0
    """How many different targets were tried."""
    _error: LLMError | None = None

    @staticmethod
    def of(
        targets: Sequence[T],
        state: Callable[[T], State],
        retries: Retries,
        routing: Routing,
        random: Random,
        until: float,
    ) -> Plan[T]:
        """Return the plan to try targets in an order."""
        places = [_Place(target, state(target)) for target in targets]
        return Plan(retries, routing, random, until, places)

    def next(self, now: float) -> Step[T]:
        """Return what to do now."""
        best: _Place[T] | None = None
        shortest = UNLIMITED
        for place in self._open_places():
            blocked = place.state.wait(now)
            wait = max(blocked, place.not_before - now)
            if wait <= 0:
                return self._begin(place)
            if best is None or wait < shortest:
                best, shortest = place, wait
            if blocked and not self._may_pass(place.state):
                # What is behind it is for other troubles than that which keeps this one.
                break
            if not blocked:
                # It is tried again after its back-off, before others are.
                break
        if best is None or self._total >= self.retries.total:
            return Over(self._error or _none())
        if shortest == UNLIMITED:
            return Queue(best.target)
        if now + shortest >= self.until or shortest > self._patience(best):
            return Over(self._busy(best, shortest))
        return Later(shortest)

    def failed(self, error: LLMError, now: float) -> None:
        """Note that the target tried last has failed."""
        place = self._current
        assert place is not None
        self._error = error
        trouble = error.trouble
        if trouble.passes and place.attempts < self.retries.attempts:
            wait = self._backoff(place.attempts)
            if error.retry_after is not None:
                wait = max(wait, error.retry_after)
            if wait <= self._longest() and now + wait < self.until:
                place.not_before = now + wait
                return
        place.is_out = True
        if not (trouble.elsewhere and trouble in self.routing.fallback_on):
            self._end()

    def skipped(self, error: LLMError) -> None:
        """Note that nothing was sent to the target, as the caller's own rules refuse that."""
        place = self._current
        assert place is not None
        place.is_out, self._error = True, error
        self._total -= 1
        self._tried -= place.attempts == 1
        place.attempts -= 1

    def _open_places(self) -> list[_Place[T]]:
        limit = self.routing.fallback_attempts
        if self._total >= self.retries.total:
            return []
        return [
            place
            for place in self._places
            if not place.is_out and (place.attempts or limit is None or self._tried < limit)
        ]

    def _begin(self, place: _Place[T]) -> Try[T]:
        self._tried += place.attempts == 0
        place.attempts += 1
        self._total += 1
        self._current = place
        return Try(place.target)

    def _may_pass(self, state: State) -> bool:
        """Whether the next target may be tried as this one is full or left alone."""
        return (state.reason if state.is_open else Trouble.RATE) in self.routing.fallback_on

    def _backoff(self, attempts: int) -> float:
        """Return how long to wait after so many attempts.

        Half of it is chance, so that calls which failed together do not come back together.
        """
        most: float = min(self.retries.backoff_seconds * 2 ** (attempts - 1), self._longest())
        return most * (0.5 + self.random.random() / 2)

    def _longest(self) -> float:
        return self.retries.max_backoff_seconds

    def _patience(self, place: _Place[T]) -> float:
        """Return how long to wait for an upstream that is left alone.

        No longer than for a retry, and not at all while its breaker is open.
        """
        return 0.0 if place.state.is_open else self._longest()

    def _busy(self, place: _Place[T], wait: float) -> LLMError:
        if self._error is not None:
            return self._error
        if place.state.is_open:
            return LeftAlone(wait)
        text = "The model's server has asked to be left alone for a while."
        return LLMError(Trouble.RATE, text, retry_after=wait)

    def _end(self) -> None:
        for place in self._places:
            place.is_out = True


def _none() -> LLMError:
    return LLMError(
        Trouble.NO_MODEL,
        "The endpoint has no target that takes calls.",
        hint="Give one of its targets a weight above 0.",
    )
