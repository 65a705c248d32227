"""The contract suite of ledgers: subclass it for yours, and pytest proves it."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from inspect import isawaitable
from typing import Any, TypeVar

from pegboard_gateway.control.contract import Charge, Ledger, Level, Refusal, Soon
from pegboard_gateway.control.windows import Unit, Window

__all__ = ["LedgerContract"]

T = TypeVar("T")

MINUTE = Window(Unit.MINUTE)
DAY = Window(Unit.DAY)
NOW = 1_700_000_000_000
"""A Tuesday, 22:13:20 UTC."""


async def _value(soon: Soon[T]) -> T:
    return await soon if isawaitable(soon) else soon


class LedgerContract(ABC):
    """What holds for every ledger."""

    @abstractmethod
    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open a ledger; for one that is shared, that of the same counters each time."""

    def _run(self, act: Callable[[Ledger], Coroutine[Any, Any, T]]) -> T:
        with self.ledger() as opened:
            return asyncio.run(act(opened))

    def test_what_is_reserved_counts_until_it_is_settled(self) -> None:
        async def act(opened: Ledger) -> list[Level]:
            found = []
            assert not await _reserve(opened, "a", Charge("money", DAY, 70, 100))
            found.append(await _level(opened, "money", DAY))
            await _value(opened.settle("a", [30]))
            found.append(await _level(opened, "money", DAY))
            return found

        assert self._run(act) == [Level(70, 70), Level(30, 0)]

    def test_a_call_passes_below_the_limit_and_none_at_it(self) -> None:
        async def act(opened: Ledger) -> Sequence[Refusal]:
            assert not await _reserve(opened, "a", Charge("money", MINUTE, 99, 100))
            # One call may exceed the limit, with whatever it takes.
            assert not await _reserve(opened, "b", Charge("money", MINUTE, 500, 100))
            await _value(opened.settle("a", [99]))
            return await _reserve(opened, "c", Charge("money", MINUTE, 1, 100))

        assert list(self._run(act)) == [Refusal(0, 599, 500, 1_700_000_040_000)]

    def test_what_costs_nothing_passes_a_counter_at_its_limit(self) -> None:
        async def act(opened: Ledger) -> Sequence[Refusal]:
            await _reserve(opened, "a", Charge("money", MINUTE, 100, 100))
            return await _reserve(opened, "b", Charge("money", MINUTE, 0, 100))

        assert not self._run(act)

    def test_an_absurd_reservation_leaves_what_was_spent_before(self) -> None:
        async def act(opened: Ledger) -> list[Level]:
            await _reserve(opened, "a", Charge("money", DAY, 90, 90))
            await _value(opened.settle("a", [90]))
            found = []
            for name, amount in (("b", 2**63 - 1), ("c", 2**80)):
                assert not await _reserve(opened, name, Charge("money", DAY, amount, 100))
                await _value(opened.settle(name, [3]))
                found.append(await _level(opened, "money", DAY))
            return found

        assert self._run(act) == [Level(93, 0), Level(96, 0)]

    def test_all_charges_are_taken_or_none(self) -> None:
        async def act(opened: Ledger) -> tuple[Sequence[Refusal], list[Level], bool]:
            await _reserve(opened, "a", Charge("two", MINUTE, 5, 5), Charge("three", DAY, 9, 9))
            refused = await _reserve(
                opened,
                "b",
                Charge("one", MINUTE, 1, 10),
                Charge("two", MINUTE, 1, 5),
                Charge("three", DAY, 1, 9),
            )
            levels = [await _level(opened, "one", MINUTE), await _level(opened, "two", MINUTE)]
            return refused, levels, await _value(opened.holds("b"))

        refused, levels, holds = self._run(act)
        assert [each.place for each in refused] == [1, 2]
        assert levels == [Level(0, 0), Level(5, 5)]
        assert not holds

    def test_a_window_that_begins_begins_at_nothing(self) -> None:
        charge = Charge("calls", MINUTE, 1, 1)

        async def act(
            opened: Ledger,
        ) -> tuple[Sequence[Refusal], ...]:
            await _reserve(opened, "a", charge)
            last = 1_700_000_040_000
            refused = await _value(opened.reserve("b", [charge], last - 1))
            # As the refusal said.
            let_in = await _value(opened.reserve("c", [charge], refused[0].ends_ms))
            again = await _value(opened.reserve("d", [charge], last + 59_999))
            return refused, let_in, again

        refused, let_in, again = self._run(act)
        assert refused[0].ends_ms == 1_700_000_040_000
        assert not let_in
        assert again[0].ends_ms == 1_700_000_100_000

    def test_windows_of_one_counter_are_apart(self) -> None:
        async def act(opened: Ledger) -> list[Level]:
            await _reserve(opened, "a", Charge("calls", MINUTE, 1, 9), Charge("calls", DAY, 4, 9))
            return [await _level(opened, "calls", MINUTE), await _level(opened, "calls", DAY)]

        assert self._run(act) == [Level(1, 1), Level(4, 4)]

    def test_a_call_is_settled_in_the_window_in_which_it_began(self) -> None:
        async def act(opened: Ledger) -> tuple[Level, Level]:
            await _reserve(opened, "a", Charge("tokens", MINUTE, 50, None))
            await _value(opened.reserve("b", [Charge("tokens", MINUTE, 7, None)], NOW + 60_000))
            await _value(opened.settle("a", [80]))
            first, second = (
                await _value(opened.levels([("tokens", MINUTE)], NOW)),
                await _value(opened.levels([("tokens", MINUTE)], NOW + 60_000)),
            )
            return first[0], second[0]

        assert self._run(act) == (Level(80, 0), Level(7, 7))

    def test_to_settle_twice_does_no_harm(self) -> None:
        async def act(opened: Ledger) -> Level:
            await _reserve(opened, "a", Charge("money", DAY, 10, None))
            await _value(opened.settle("a", [4]))
            await _value(opened.settle("a", [4]))
            await _value(opened.settle("never", [4]))
            return await _level(opened, "money", DAY)

        assert self._run(act) == Level(4, 0)

    def test_it_tells_what_it_holds(self) -> None:
        async def act(opened: Ledger) -> list[bool]:
            found = [await _value(opened.holds("a"))]
            await _reserve(opened, "a", Charge("money", DAY, 0, None))
            found.append(await _value(opened.holds("a")))
            await _value(opened.settle("a", [0]))
            found.append(await _value(opened.holds("a")))
            return found

        assert self._run(act) == [False, True, False]

    def test_a_counter_may_have_any_name(self) -> None:
        names = ["' OR 1=1 --", "{a}", "a\nb", "ключ/鍵", "x" * 500, "a b*?", "a b*"]

        async def act(opened: Ledger) -> list[Level]:
            for number, name in enumerate(names):
                await _reserve(opened, str(number), Charge(name, DAY, number + 1, None))
            return [await _level(opened, name, DAY) for name in names]

        assert self._run(act) == [Level(n, n) for n in range(1, len(names) + 1)]

    def test_the_largest_amounts_do_not_overflow(self) -> None:
        most = 2**63 - 1

        async def act(opened: Ledger) -> tuple[Level, Sequence[Refusal]]:
            await _reserve(opened, "a", Charge("money", DAY, most, None))
            await _reserve(opened, "b", Charge("money", DAY, most, None))
            level = await _level(opened, "money", DAY)
            return level, await _reserve(opened, "c", Charge("money", DAY, 1, most))

        level, refused = self._run(act)
        assert level.level == most
        assert len(refused) == 1

    def test_large_numbers_are_exact(self) -> None:
        amount = 2**53 + 1

        async def act(opened: Ledger) -> Level:
            await _reserve(opened, "a", Charge("money", DAY, amount, None))
            await _value(opened.settle("a", [amount + 1]))
            await _reserve(opened, "b", Charge("money", DAY, amount, None))
            return await _level(opened, "money", DAY)

        assert self._run(act) == Level(2 * amount + 1, amount)

    def test_tasks_at_the_same_time_take_no_more_than_there_is(self) -> None:
        async def act(opened: Ledger) -> list[Sequence[Refusal]]:
            charge = Charge("calls", DAY, 1, 40)
            return await asyncio.gather(*[_reserve(opened, f"t{n}", charge) for n in range(100)])

        assert self._run(act).count(()) == 40

    def test_threads_at_the_same_time_take_no_more_than_there_is(self) -> None:
        async def take(opened: Ledger, thread: int) -> int:
            charge = Charge("calls", DAY, 1, 90)
            taken = [not await _reserve(opened, f"{thread}/{n}", charge) for n in range(30)]
            return sum(taken)

        with self.ledger() as opened, ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda thread: asyncio.run(take(opened, thread)), range(4)))
        assert sum(taken) == 90

    def test_who_opens_it_again_finds_what_was_counted(self) -> None:
        async def first(ledger: Ledger) -> None:
            await _reserve(ledger, "a", Charge("money", DAY, 10, None))
            await _value(ledger.settle("a", [4]))
            await _reserve(ledger, "b", Charge("money", DAY, 10, None))

        async def second(ledger: Ledger) -> tuple[Level, Level]:
            before = await _level(ledger, "money", DAY)
            await _value(ledger.settle("b", [1]))
            return before, await _level(ledger, "money", DAY)

        with self.ledger() as ledger:
            shared = ledger.shared
            asyncio.run(first(ledger))
        with self.ledger() as ledger:
            before, after = asyncio.run(second(ledger))
        nothing = Level(0, 0)
        expected = (Level(14, 10), Level(5, 0)) if shared else (nothing, nothing)
        assert (before, after) == expected


async def _reserve(ledger: Ledger, name: str, *charges: Charge) -> Sequence[Refusal]:
    return tuple(await _value(ledger.reserve(name, charges, NOW)))


async def _level(ledger: Ledger, counter: str, window: Window) -> Level:
    return (await _value(ledger.levels([(counter, window)], NOW)))[0]
