"""Whatever the order of calls, failures and kills: money stays in the budget, counters in step."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)
from killing import die, kill_and_compare
from pegboard_gateway.control.contract import BudgetSpent, LimitReached, Permit
from pegboard_gateway.control.rules import Budget, Limit, Rules, Scope
from pegboard_gateway.entities import Asked, Estimate, Outcome, Spent, Tokens
from pegboard_gateway.usage.keeping import USAGE, open_keeping
from world import asked, compare, open_ledger, record, value

MOST = 40
LONG = 500
"""What an answer of which nobody knows how long it may be costs at most."""
RULES = Rules(
    limits=[
        Limit.parse("4/minute", scope=Scope.KEY),
        Limit.parse("90 tokens/hour", scope=Scope.GLOBAL),
        Limit.parse("6/minute", scope=Scope.ENDPOINT, endpoint="chat"),
    ],
    budgets=[
        Budget.parse("0.000000100 usd/hour", scope=Scope.GLOBAL),
        Budget.parse("0.000000060 usd/day", scope=Scope.KEY),
        Budget.parse("0.000000030 usd/minute", scope=Scope.ENDPOINT),
    ],
)


PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
"""A failing example takes minutes to shrink, as each step is real."""


class _Open:
    """A call that runs."""

    def __init__(self, asked: Asked, permit: Permit) -> None:
        self.asked, self.permit = asked, permit
        self.most, self.spent, self.reserved, self.is_open = 0, 0, False, False


class Calls(RuleBasedStateMachine):
    """Calls of a gateway, their ends in any order, and the gateway's."""

    kind = "memory"
    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.now = 1_700_000_000_000
        self.alive: list[_Open] = []
        self.dearest = MOST

    @initialize()
    def start(self) -> None:
        self.keeping = open_keeping(
            self.directory,
            lambda: open_ledger(self.kind, self.directory),
            RULES,
            clock=self._clock,
        )

    def _clock(self) -> int:
        return self.now

    @rule(
        target=running,
        key=st.sampled_from(["k1", "k2"]),
        endpoint=st.sampled_from(["chat", "other"]),
        tokens=st.integers(1, 30),
    )
    def admit(self, key: str, endpoint: str, tokens: int) -> _Open | None:
        one = asked(key, endpoint)
        try:
            soon = self.keeping.gate.admit(one, Estimate(0, tokens))
            permit = self.loop.run_until_complete(value(soon))
        except LimitReached as error:
            assert error.retry_after is not None
            self.keeping.gate.note(record(one, Outcome.REFUSED))
            return None
        self.alive.append(_Open(one, permit))
        return self.alive[-1]

    @rule(call=running, most=st.integers(0, MOST), open_ended=st.booleans())
    def attempt(self, call: _Open | None, most: int, open_ended: bool) -> None:
        if call not in self.alive or call is None:
            return
        if call.reserved:
            self._settle(call, 0)
        try:
            soon = call.permit.reserve("chat/0", most, open_ended=open_ended)
            self.loop.run_until_complete(value(soon))
        except BudgetSpent as error:
            assert error.retry_after is not None
        else:
            call.reserved, call.is_open = True, open_ended and most > 0
            call.most = LONG if call.is_open else most

    @rule(call=running, part=st.integers(0, 100))
    def fail(self, call: _Open | None, part: int) -> None:
        if call in self.alive and call is not None and call.reserved:
            self._settle(call, call.most * part // 100)

    def _settle(self, call: _Open, took: int) -> None:
        call.permit.settle(Spent("chat/0", Tokens(), took))
        call.spent, call.reserved = call.spent + took, False
        self.dearest = max(self.dearest, took)

    @rule(call=consumes(running), part=st.integers(0, 100), tokens=st.integers(0, 30))
    def over(self, call: _Open | None, part: int, tokens: int) -> None:
        if call not in self.alive or call is None:
            return
        if call.reserved:
            self._settle(call, call.most * part // 100)
        self.loop.run_until_complete(self._close(call, tokens))
        self.alive.remove(call)

    async def _close(self, call: _Open, tokens: int) -> None:
        call.permit.close(record(call.asked, tokens=tokens, cost=call.spent))

    @rule(seconds=st.sampled_from([1, 59, 60, 3_600, 90_000]))
    def wait(self, seconds: int) -> None:
        self.now += 1_000 * seconds

    @rule()
    def flush(self) -> None:
        self._drain()
        self.keeping.writer.flush()

    @rule()
    def kill(self) -> None:
        die(self.keeping)
        self.alive.clear()
        self.start()

    def _drain(self) -> None:
        if self.keeping.gate.settler is not None:
            self.loop.run_until_complete(self.keeping.gate.settler.drain())

    @precondition(lambda self: hasattr(self, "keeping"))
    @invariant()
    def spent_at_most_the_budget_and_one_call(self) -> None:
        self._drain()
        for budget in RULES.budgets:
            subjects = {Scope.GLOBAL: [""], Scope.KEY: ["k1", "k2"]}
            names = sums_names(budget, subjects.get(budget.scope, ["chat", "other"]))
            soon = self.keeping.gate.ledger.levels(
                [(name, budget.window) for name in names], self.now
            )
            for level in self.loop.run_until_complete(value(soon)):
                assert 0 <= level.held <= level.level
                assert level.level - level.held < budget.amount + self.dearest
                if not any(call.reserved and call.is_open for call in self.alive):
                    assert level.level < budget.amount + self.dearest

    def teardown(self) -> None:
        if hasattr(self, "keeping"):
            for call in list(self.alive):
                self.over(call, 100, 30)
            self.flush()
            check = compare(self.keeping.gate.ledger, self.directory / USAGE, RULES, self.now)
            self.loop.run_until_complete(check)
            self.loop.run_until_complete(self.keeping.settle())
            self.keeping.close()
        self.loop.close()
        shutil.rmtree(self.directory)


def sums_names(budget: Budget, subjects: list[str]) -> list[str]:
    from pegboard_gateway.control.rules import counter_prefix

    return [counter_prefix(budget) + subject for subject in subjects]


class SqliteCalls(Calls):
    kind = "sqlite"


TestMemoryCalls = Calls.TestCase
TestMemoryCalls.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, phases=PHASES
)
TestSqliteCalls = SqliteCalls.TestCase
TestSqliteCalls.settings = settings(
    max_examples=8, stateful_step_count=30, deadline=None, phases=PHASES
)


@pytest.mark.parametrize(("kind", "processes"), [("memory", 1), ("sqlite", 1), ("sqlite", 3)])
def test_processes_that_are_killed_lose_and_overspend_nothing(
    kind: str, processes: int, tmp_path: Path
) -> None:
    kill_and_compare(kind, processes, tmp_path)
