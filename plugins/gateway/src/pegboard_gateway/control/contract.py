"""The seam between the way of a call and what controls it: gate, permit, ledger and guards.

One rule holds for calls, tokens and money alike: a call is let through while a counter is below its
limit; while it runs it counts with the most that it may take, and afterwards with what it took. So
a limit is exceeded by one call at the most, and a call that costs nothing passes a spent budget.
A call belongs to the windows of time in which it began.

Methods that say so may return an awaitable: what is in memory returns at once, and the way of a
call awaits only what is not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import ClassVar, NamedTuple, TypeAlias, TypeVar

from pegboard.contracts.llm import Json, LLMError, Trouble

from pegboard_gateway.control.windows import Window
from pegboard_gateway.entities import Asked, Estimate, Outcome, Spent, TargetKey, UsageRecord
from pegboard_gateway.money import Money

__all__ = [
    "Asked",
    "Blocked",
    "BudgetSpent",
    "Charge",
    "Estimate",
    "Gate",
    "Guard",
    "GuardrailFailed",
    "Ledger",
    "Level",
    "LimitReached",
    "OpenGate",
    "Outcome",
    "Permit",
    "Refusal",
    "Soon",
    "Spent",
    "StreamGuard",
    "UsageRecord",
    "Window",
]

T = TypeVar("T")
Soon: TypeAlias = "T | Awaitable[T]"
"""A value, or what is awaited for it."""


class LimitReached(LLMError):
    """The caller has used up a limit of calls or tokens: 429 with ``retry_after`` in seconds."""

    def __init__(self, message: str, *, hint: str, retry_after: float) -> None:
        super().__init__(Trouble.RATE, message, hint=hint, retry_after=retry_after)


class BudgetSpent(LLMError):
    """A budget leaves no money for this target: 429, ``insufficient_quota``.

    It is no trouble of the upstream's. A target that costs nothing, or less where the price of this
    one is not known, may still be let through.
    """

    def __init__(self, message: str, *, hint: str, retry_after: float | None) -> None:
        super().__init__(Trouble.QUOTA, message, hint=hint, retry_after=retry_after)


class GuardrailFailed(LLMError):
    """A guardrail is broken, 502, busy, 503, or takes too long, 504: no trouble of the upstream's.

    Nothing passes that it has not looked at.
    """

    code = "guardrail_failed"


class Permit(ABC):
    """The permission of one call, from its admission to its end.

    ``reserve`` and ``settle`` come in turn, once an attempt; ``close`` comes once, at the end,
    whatever that is.
    """

    id: str = ""
    """The call's own id: 24 characters, unique among all processes; ``x-request-id`` may not be."""

    @abstractmethod
    def reserve(
        self, target: TargetKey, cost: Money | None, *, open_ended: bool = False
    ) -> Soon[None]:
        """Set aside the most that an attempt may cost, before it is made; BudgetSpent if refused.

        With ``open_ended`` nobody knows the most: ``cost`` is what counts if its end is not known,
        and while it runs budgets that reject let nothing else pass that costs money.

        ``cost`` is None where the price is not known: such a target is refused while a budget that
        rejects holds for the call, unless that budget says ``unpriced = "allow"``.
        """

    @abstractmethod
    def settle(self, spent: Spent) -> None:
        """Replace what was set aside for the last attempt by what it took; never waits."""

    @abstractmethod
    def close(self, record: UsageRecord) -> None:
        """End the call and keep its record; never waits.

        All counters end at what the record says: one call, its ``tokens.total``, its ``cost``.
        """


class Gate(ABC):
    """Lets calls through, or not."""

    @abstractmethod
    def admit(self, asked: Asked, estimate: Estimate) -> Soon[Permit]:
        """Return the permit of a call; LimitReached if a limit of calls or tokens is reached."""

    @abstractmethod
    def note(self, record: UsageRecord) -> None:
        """Keep the record of a call that got no permit: refused, or answered from the cache."""


class OpenGate(Gate):
    """Lets everything through and keeps nothing."""

    def admit(self, asked: Asked, estimate: Estimate) -> Permit:  # noqa: ARG002
        """Return a permit of everything."""
        return _OPEN

    def note(self, record: UsageRecord) -> None:
        """Forget it."""


class _OpenPermit(Permit):
    def reserve(self, target: TargetKey, cost: Money | None, *, open_ended: bool = False) -> None:
        """Set nothing aside."""

    def settle(self, spent: Spent) -> None:
        """Count nothing."""

    def close(self, record: UsageRecord) -> None:
        """Keep nothing."""


_OPEN = _OpenPermit()


# -- counters ---------------------------------------------------------------------------------


class Charge(NamedTuple):
    """What a call adds to one counter, in the window around the time of its admission."""

    counter: str
    """The name of the counter, without a time: at most 500 characters, any but NUL."""
    window: Window
    amount: int
    """Calls, tokens or nano-dollars; 0 to 2**63 - 1."""
    limit: int | None
    """Refused if ``amount`` is not 0 and the counter stands at the limit; None: only counted."""


class Refusal(NamedTuple):
    """A charge that was refused."""

    place: int
    """Which of the charges, from 0."""
    level: int
    """Where the counter stands, with what is reserved."""
    held: int
    """How much of that is reserved for calls that still run."""
    ends_ms: int
    """When the window ends, in milliseconds since 1970."""


class Level(NamedTuple):
    """Where a counter stands: what was settled, and what is ``held`` for calls that still run."""

    level: int
    held: int


class Ledger(ABC):
    """Counters in windows of time, with reservations.

    Charges of one reservation are taken all or none, at one instant, however many tasks, threads,
    processes or machines ask. What a process held when it died stays counted. A level saturates at
    2**63 - 1. Counters of windows that are over, with nothing held, are forgotten some time.
    """

    shared: ClassVar[bool] = False
    """Whether several processes may use it at the same time."""

    @abstractmethod
    def reserve(
        self, reservation: str, charges: Sequence[Charge], now_ms: int
    ) -> Soon[Sequence[Refusal]]:
        """Take all charges, and return nothing; or take none, and return those that are refused.

        ``reservation`` is a new name, of at most 64 characters. No two charges are of one counter
        and window. Raises StoreError if the counters cannot be reached.
        """

    @abstractmethod
    def settle(self, reservation: str, amounts: Sequence[int]) -> Soon[None]:
        """Replace the amounts of a reservation's charges, in their order, and hold them no more.

        Nothing happens if it is not known, or was settled: to say it twice does no harm.
        """

    @abstractmethod
    def holds(self, reservation: str) -> Soon[bool]:
        """Return whether a reservation was taken, and is not settled yet."""

    @abstractmethod
    def levels(self, counters: Sequence[tuple[str, Window]], now_ms: int) -> Soon[Sequence[Level]]:
        """Return where counters stand in the windows around a time."""

    def close(self) -> None:  # noqa: B027
        """Release connections; what is held stays held."""


# -- guardrails -------------------------------------------------------------------------------


class Blocked(LLMError):
    """A guardrail refuses what is asked or answered: 400, ``content_filter``."""

    def __init__(self, guardrail: str, message: str, *, hint: str = "") -> None:
        super().__init__(Trouble.FILTERED, message, hint=hint)
        self.guardrail = guardrail


class StreamGuard(ABC):
    """Watches one streamed answer. What it holds back it returns later."""

    @abstractmethod
    def feed(self, events: Sequence[Json]) -> Soon[Sequence[Json]]:
        """Return the events that may go on to the client; Blocked ends the stream."""

    @abstractmethod
    def end(self) -> Soon[Sequence[Json]]:
        """Return what was held back, when the upstream's stream has ended."""


class Guard:
    """Looks at what is asked before it is sent, and at answers before the client gets them.

    Nothing that a client sends switches one off.
    """

    def before(self, asked: Asked) -> Soon[Asked]:
        """Return what may be asked: the same, or rewritten; Blocked if nothing may."""
        return asked

    def after(self, asked: Asked, answer: Json) -> Soon[Json]:  # noqa: ARG002
        """Return what may be answered: the same, or rewritten; Blocked if nothing may."""
        return answer

    def stream(self, asked: Asked) -> StreamGuard | None:  # noqa: ARG002
        """Return what watches a streamed answer; None if it needs no watching."""
        return None
