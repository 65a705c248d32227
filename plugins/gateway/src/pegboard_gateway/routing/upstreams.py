"""What is known of each upstream: how many calls it gets at a time, and whether it is left alone.

One ``State`` belongs to one upstream (a vendor's model with its settings), whichever endpoints name
it, so all users of the gateway share what one of them has learnt.

- Limiter: calls at one time. Without ``max_parallel`` there is no limit until the upstream says 429
  or that it is overloaded; then the limit is half of what ran, and grows by one for each round of
  calls that succeed (additive increase, multiplicative decrease), until it is out of use again.
  Calls that began before the last decrease do not halve it again. ``Retry-After`` stops all.
- Breaker: after some failures in a row nothing is sent for a while; then one call tries it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from attrs import define
from pegboard.contracts.llm import Trouble

if TYPE_CHECKING:
    from pegboard_gateway.catalog.contract import Target
    from pegboard_gateway.settings import Breaker

CROWDED = frozenset({Trouble.RATE, Trouble.OVERLOADED})
"""What makes the limit smaller."""
BROKEN = frozenset(
    {
        Trouble.SERVER,
        Trouble.UNREACHABLE,
        Trouble.TIMEOUT,
        Trouble.GARBAGE,
        Trouble.CUT,
        Trouble.OVERLOADED,
    }
)
"""What counts as a failure of the upstream; other troubles are answers of one that works."""
UNLIMITED = float("inf")
_FREE_AGAIN = 256.0
"""A limit that has grown to so many calls is dropped."""
LONGEST_STOP = 300.0
"""Seconds; an upstream that wants to be left alone for longer is asked again after these."""


@define(eq=False)
class State:
    """One upstream at work. Times are seconds of one monotonic clock."""

    most: float = UNLIMITED
    """``max_parallel``."""
    running: int = 0
    limit: float = UNLIMITED
    """The limiter's, never below 1; ``most`` holds beside it."""
    stopped_until: float = 0.0
    """Until when the upstream wants nothing."""
    failures: int = 0
    """In a row."""
    open_until: float = 0.0
    """Until when the breaker lets nothing pass; 0: it is closed."""
    trying: bool = False
    """Whether the one call that tries an upstream after a while is under way."""
    reason: Trouble = Trouble.SERVER
    """Why it was left alone last."""
    shrunk: float = 0.0
    """When the limit was made smaller last."""

    def wait(self, now: float) -> float:
        """Return the seconds until a call may begin: 0 now, infinite once another call has ended.

        At the time said something else may be in the way.
        """
        if self.open_until:
            if now < self.open_until:
                return self.open_until - now
            if self.trying:
                return UNLIMITED
        if now < self.stopped_until:
            return self.stopped_until - now
        return 0.0 if self.running < min(self.limit, self.most) else UNLIMITED

    def begin(self) -> None:
        """Note that a call begins."""
        self.running += 1
        if self.open_until:
            self.trying = True

    def succeeded(self) -> None:
        """Note that a call has ended with an answer, or with an error of a working upstream."""
        self._ended()
        self.failures, self.open_until = 0, 0.0
        if self.limit != UNLIMITED:
            self.limit += 1.0 / self.limit
            if self.limit >= _FREE_AGAIN:
                self.limit = UNLIMITED

    def left(self) -> None:
        """Note that a call was given up by its client: it says nothing of the upstream."""
        self._ended()

    def failed(
        self,
        trouble: Trouble,
        began: float,
        now: float,
        breaker: Breaker,
        retry_after: float | None = None,
    ) -> None:
        """Note that a call which began at a time has failed."""
        if trouble not in CROWDED and trouble not in BROKEN:
            self.succeeded()
            return
        self._ended()
        if trouble in CROWDED:
            self._crowded(trouble, began, now, retry_after)
        if trouble in BROKEN:
            self.failures += 1
            if self.failures >= breaker.failures or self.open_until:
                self.open_until, self.reason = now + breaker.seconds, trouble

    def _crowded(
        self, trouble: Trouble, began: float, now: float, retry_after: float | None
    ) -> None:
        if retry_after is not None:
            self.stopped_until = max(self.stopped_until, now + min(retry_after, LONGEST_STOP))
            self.reason = trouble
        if began >= self.shrunk:
            self.limit = max(1.0, min(self.limit, self.most, self.running + 1) / 2)
            self.shrunk = now

    def _ended(self) -> None:
        self.running -= 1
        self.trying = False

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: nothing, or one trial, passes."""
        return bool(self.open_until)

    @property
    def is_slowed(self) -> bool:
        """Whether the limiter lets only some calls through at one time."""
        return self.limit != UNLIMITED


class Upstreams:
    """The states of all upstreams, kept while the configuration changes around them."""

    def __init__(self) -> None:
        self._states: dict[Hashable, State] = {}

    def of(self, target: Target) -> State:
        """Return the state of a target's upstream."""
        key = _identity(target)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = State()
        if target.max_parallel is not None:
            state.most = min(state.most, target.max_parallel)
        return state

    def as_it_is(self, target: Target) -> State:
        """Return the state for a target of an older configuration, which sets no bounds any more.

        What nobody else has is forgotten with the call.
        """
        return self.known(target) or State()

    def known(self, target: Target) -> State | None:
        """Return the state of a target's upstream if it was ever called; it changes nothing."""
        return self._states.get(_identity(target))

    def renew(self, targets: Iterable[Target]) -> None:
        """Take a new configuration: forget upstreams that are not in it and have no calls."""
        wanted = {_identity(target) for target in targets}
        self._states = {k: s for k, s in self._states.items() if k in wanted or s.running}
        for state in self._states.values():
            state.most = UNLIMITED


def _identity(target: Target) -> Hashable:
    """Return what makes two targets one upstream: provider, model and settings."""
    key = (target.provider, target.model_name, target.model.options)
    try:
        hash(key)
    except TypeError:
        return target.key
    return key
