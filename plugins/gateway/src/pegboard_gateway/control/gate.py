"""The gate: admits calls by limits, reserves money by budgets, and sees to it that nothing is lost.

With counters in memory everything here returns at once. A shared ledger is awaited, and is told
only after the journal what will be reserved or settled in it, so that whatever happens a record and
its counters agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import TypeVar, cast

from attrs import frozen
from pegboard.errors import StoreError

from pegboard_gateway.control.charging import Charging, Fixed
from pegboard_gateway.control.contract import Charge, Gate, Ledger, Permit, Refusal, Soon
from pegboard_gateway.control.journal import Charged, Journal
from pegboard_gateway.control.rows import Row, lost_row, row_of
from pegboard_gateway.control.rules import CALLS, NO_RULES, Budget, Rules
from pegboard_gateway.control.settling import Closed, Recorder, Settler, reservation_name
from pegboard_gateway.entities import Asked, Estimate, Spent, TargetKey, UsageRecord
from pegboard_gateway.money import Money, dollars

T = TypeVar("T")

logger = logging.getLogger(__name__)


@frozen
class Exceeded:
    """A budget that only alerts is spent, for the first time in its window."""

    budget: Budget
    subject: str
    """Whose it is: a key's id, a user…; empty for what all share."""
    spent: Money
    window_start_ms: int
    """When the window began in which it was spent."""


class LedgerGate(Gate):
    """Counts in a ledger, writes to a journal, and hands records to a recorder.

    It is used by one thread, with an event loop if the ledger is shared.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        recorder: Recorder,
        rules: Rules = NO_RULES,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """``clock`` returns milliseconds since 1970."""
        self.ledger, self.journal, self.recorder, self.clock = ledger, journal, recorder, clock
        self.settler = Settler(ledger, recorder) if ledger.shared else None
        self.charging: Callable[[], Charging] = Fixed(rules)
        """Returns the rules in force; they may change from one call to the next."""
        self.on_exceeded: list[Callable[[Exceeded], None]] = []
        """Called with budgets that alert."""
        self._exceeded: dict[str, int] = {}
        self._ids = map(f"{secrets.token_hex(8)}{{:08x}}".format, itertools.count()).__next__

    def admit(self, asked: Asked, estimate: Estimate) -> Soon[Permit]:
        """Return the permit of a call; LimitReached if a limit is reached."""
        now, call = self.clock(), self._ids()
        charging = self.charging()
        charges = charging.admission(
            asked.caller, asked.endpoint, max(estimate.total, 1), estimate.open_ended
        )
        permit = LedgerPermit(self, charging, asked, call, now)
        permit.take(charges)
        row = lost_row(asked, estimate, call, now)
        if charges and self.ledger.shared:
            self.journal.begin(call, row, permit.reservations[0], now=True)
            return self._admit_soon(permit, charges)
        permit.hold_now(0, charges)
        self.journal.begin(call, row, permit.reservations[0], now=False)
        return permit

    async def _admit_soon(self, permit: LedgerPermit, charges: Sequence[Charge]) -> Permit:
        try:
            await permit.hold(0, charges)
        except BaseException:
            permit.forget()
            raise
        return permit

    def note(self, record: UsageRecord) -> None:
        """Keep the record of a call that got no permit."""
        call = self._ids()
        row = row_of(record, call, admitted=False)
        self.write_end(call, row, ())
        self.recorder.add(Closed(call, row))

    def write_end(
        self, call: str, row: Row | None, reservations: Sequence[Sequence[Charged]]
    ) -> None:
        """Write down that a call is over; where that fails it is over all the same."""
        try:
            self.journal.end(call, row, reservations)
        except StoreError as error:
            logger.error("The end of a call could not be written down: %s", error)  # noqa: TRY400

    def over(self, closed: Closed) -> None:
        """Settle a call that is written down as over."""
        if self.settler is not None and (closed.after or any(closed.reservations)):
            self.settler.put(closed)
            return
        for number, charges in enumerate(closed.reservations):
            if charges:
                amounts = [charge[3] for charge in charges]
                self.ledger.settle(reservation_name(closed.call, number), amounts)
        self.recorder.add(closed)
        if closed.then is not None:
            closed.then()

    def look(
        self, charging: Charging, asked: Asked, now_ms: int
    ) -> Callable[[], Soon[None]] | None:
        """Return what looks whether a call has used up budgets that alert; None if there are none.

        It must be called after the call's counters are settled.
        """
        alerts = charging.alerts(asked.caller, asked.endpoint)
        if not alerts:
            return None

        def look() -> Soon[None]:
            counters = [(charge.counter, charge.window) for charge, _ in alerts]
            soon = self.ledger.levels(counters, now_ms)
            if isawaitable(soon):
                return _after(soon, tell)
            tell(soon)
            return None

        def tell(levels: Sequence[tuple[int, int]]) -> Soon[None]:
            spent = [
                (charge, budget, level[0] - level[1])
                for (charge, budget), level in zip(alerts, levels, strict=True)
                if level[0] - level[1] >= budget.amount
            ]
            if self.ledger.shared:
                return self._tell_soon(spent, now_ms)
            for each in spent:
                self._tell(*each, now_ms)
            return None

        return look

    def _tell(self, charge: Charge, budget: Budget, spent: Money, now_ms: int) -> None:
        """Tell once in a window that a budget is spent; what is kept knows it after a restart."""
        told, name = _told(charge), self._ids()
        if self._is_told(charge, now_ms) or self.ledger.reserve(name, [told], now_ms):
            return
        self.ledger.settle(name, [1])
        start, end = told.window.span(now_ms)
        self.recorder.add(Closed(name, None, [[(told.counter, start, end, 1)]]))
        self._say(charge, budget, spent, start)

    async def _tell_soon(
        self, exceeded: Sequence[tuple[Charge, Budget, Money]], now_ms: int
    ) -> None:
        """Tell once in a window, whichever process comes first, that budgets are spent."""
        for charge, budget, spent in exceeded:
            if self._is_told(charge, now_ms):
                continue
            name = self._ids()
            reserved = self.ledger.reserve(name, [_told(charge)], now_ms)
            refused = await cast("Awaitable[Sequence[Refusal]]", reserved)
            start, _ = charge.window.span(now_ms)
            self._exceeded[charge.counter] = start
            if not refused:
                await cast("Awaitable[None]", self.ledger.settle(name, [1]))
                self._say(charge, budget, spent, start)

    def _is_told(self, charge: Charge, now_ms: int) -> bool:
        return self._exceeded.get(charge.counter) == charge.window.span(now_ms)[0]

    def _say(self, charge: Charge, budget: Budget, spent: Money, start_ms: int) -> None:
        self._exceeded[charge.counter] = start_ms
        subject = charge.counter.rpartition("|")[2]
        logger.warning(
            "The budget %s of %s %s is spent: %s USD.",
            budget,
            budget.scope,
            subject or "(all)",
            dollars(spent),
        )
        for tell in self.on_exceeded:
            tell(Exceeded(budget, subject, spent, start_ms))

    async def close(self) -> None:
        """Settle what is over; what cannot be is left to the journal."""
        if self.settler is not None:
            await self.settler.close()


def _told(charge: Charge) -> Charge:
    """Return the charge of a counter that says whether a budget was told of."""
    return Charge(f"told {charge.counter}", charge.window, 1, 1)


async def _after(soon: Awaitable[T], then: Callable[[T], Soon[None]]) -> None:
    # What tells of a budget must not keep a call from being over.
    with contextlib.suppress(Exception):
        more = then(await soon)
        if isawaitable(more):
            await more


class LedgerPermit(Permit):
    """One call on its way."""

    __slots__ = (
        "_asked", "_charging", "_costs", "_gate", "_now", "_over", "_pending", "id", "reservations",
    )  # fmt: skip

    def __init__(
        self, gate: LedgerGate, charging: Charging, asked: Asked, call: str, now_ms: int
    ) -> None:
        self.id = call
        self._gate, self._asked, self._now = gate, asked, now_ms
        # Rules that come into force meanwhile are those of later calls.
        self._charging = charging
        self.reservations: list[list[Charged]] = []
        """The charges of the admission and of each attempt."""
        self._costs: list[Money] = []
        """What each attempt takes: what is reserved, then what was settled."""
        self._pending: asyncio.Future[Sequence[Refusal]] | None = None
        self._over = False

    def take(self, charges: Sequence[Charge]) -> list[Charged]:
        """Add a reservation; return its charges as the journal has them."""
        now = self._now
        taken: list[Charged] = [
            (counter, *window.span(now), amount) for counter, window, amount, _ in charges
        ]
        self.reservations.append(taken)
        return taken

    def refused(self, charges: Sequence[Charge], refusals: Sequence[Refusal]) -> Exception:
        """Return the error of charges that were refused."""
        asked = self._asked
        return self._charging.refused(
            asked.caller, asked.endpoint, charges, refusals, self._gate.clock()
        )

    async def hold(self, number: int, charges: Sequence[Charge]) -> None:
        """Make a reservation in a shared ledger; raises if it is refused.

        If this is cancelled the reservation goes on, and is undone when the call is over.
        """
        name = reservation_name(self.id, number)
        soon = cast(
            "Awaitable[Sequence[Refusal]]", self._gate.ledger.reserve(name, charges, self._now)
        )
        self._pending = asyncio.ensure_future(soon)
        refusals = await asyncio.shield(self._pending)
        self._pending = None
        if refusals:
            raise self.refused(charges, refusals)

    def hold_now(self, number: int, charges: Sequence[Charge]) -> None:
        """Make a reservation in memory; raises if it is refused."""
        if charges:
            name = reservation_name(self.id, number)
            refusals = self._gate.ledger.reserve(name, charges, self._now)
            if refusals:
                raise self.refused(charges, cast("Sequence[Refusal]", refusals))

    def reserve(
        self, target: TargetKey, cost: Money | None, *, open_ended: bool = False
    ) -> Soon[None]:
        """Set aside the most that an attempt may cost; BudgetSpent if refused."""
        gate, asked = self._gate, self._asked
        most = cost
        if cost is None:
            self._charging.check_priced(asked.caller, asked.endpoint, target)
            cost = 0
        charges = self._charging.attempt(asked.caller, asked.endpoint, cost, open_ended)
        before = self._costs[-1] if self._costs else None
        number = len(self.reservations)
        if charges and gate.ledger.shared:
            gate.journal.more(self.id, before, most, self.take(charges))
            self._costs.append(0)
            return self._reserve_soon(number, charges, cost)
        self._settle(number - 1)
        self.hold_now(number, charges)
        # Before it is written down: what fails there is given back when the call is over.
        taken = self.take(charges)
        self._costs.append(0)
        gate.journal.more(self.id, before, most, taken)
        self._costs[-1] = cost
        return None

    async def _reserve_soon(self, number: int, charges: Sequence[Charge], cost: Money) -> None:
        soon = self._settle(number - 1)
        if soon is not None:
            await soon
        await self.hold(number, charges)
        # Nothing was sent before, so nothing was spent if it came to nothing.
        self._costs[number - 1] = cost

    def _settle(self, number: int) -> Soon[None]:
        """Give back what an attempt did not take, before the next one reserves."""
        if not number or not self.reservations[number]:
            return None
        amounts = [self._costs[number - 1]] * len(self.reservations[number])
        return self._gate.ledger.settle(reservation_name(self.id, number), amounts)

    def settle(self, spent: Spent) -> None:
        """Replace what was set aside for the last attempt by what it took."""
        if self._costs:
            self._costs[-1] = spent.cost

    def close(self, record: UsageRecord) -> None:
        """End the call, and keep its record."""
        if self._over:
            return
        self._over = True
        record.started_ms = self._now
        settled = sum(self._costs)
        if self._costs and record.cost > settled:
            self._costs[-1] += record.cost - settled
        else:
            # What an attempt took is not given back.
            record.cost = max(record.cost, settled)
        row = row_of(record, self.id, admitted=True)
        self._end(row, record.tokens.total)

    def forget(self) -> None:
        """End a call that was not admitted."""
        self._over = True
        self._end(None, 0)

    def _end(self, row: Row | None, tokens: int) -> None:
        calls = 0 if row is None else 1
        final = [
            (counter, start, end, calls if counter.startswith(CALLS) else tokens)
            for counter, start, end, _ in self.reservations[0]
        ]
        reservations: list[Sequence[Charged]] = [final]
        for charges, cost in zip(self.reservations[1:], self._costs, strict=True):
            reservations.append([(counter, start, end, cost) for counter, start, end, _ in charges])
        self._gate.write_end(self.id, row, reservations)
        then = None if row is None else self._gate.look(self._charging, self._asked, self._now)
        self._gate.over(Closed(self.id, row, reservations, self._pending, then))
