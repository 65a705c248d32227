"""A budget that alerts is told of once in its window, whoever spends it and whatever happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pegboard_gateway.control.gate import Exceeded
from pegboard_gateway.control.rules import Action, Budget, Rules, Scope
from pegboard_gateway.control.windows import Unit, Window
from pegboard_gateway.entities import Estimate, Spent, Tokens
from pegboard_gateway.usage.exceeded import payload
from pegboard_gateway.usage.keeping import Keeping, open_keeping
from world import LEDGERS, asked, end, open_ledger, value

DAY = 86_400_000
BUDGET = Budget(
    amount=100, window=Window(Unit.DAY), scope=Scope.USER, action=Action.ALERT, name="bp-1"
)


@pytest.mark.parametrize("kind", LEDGERS)
def test_it_is_told_once_in_a_window(kind: str, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    now = [10 * DAY + 5]

    def opened() -> Keeping:
        rules = Rules([], [BUDGET])
        made = open_keeping(
            tmp_path, lambda: open_ledger(kind, tmp_path), rules, clock=lambda: now[0]
        )
        made.gate.on_exceeded.append(
            lambda each: told.append((each.subject, each.spent, each.window_start_ms))
        )
        return made

    async def spend(keeping: Keeping, user: str, cost: int) -> None:
        call = asked(user=user)
        permit = await value(keeping.gate.admit(call, Estimate(1, 1)))
        await value(permit.reserve("chat/0", 150))
        permit.settle(Spent("chat/0", Tokens(), cost))
        end(permit, call, cost=cost)
        await keeping.settle()

    async def act() -> None:
        first = opened()
        await spend(first, "ann", 60)
        await spend(first, "ann", 60)
        await spend(first, "ann", 60)
        await spend(first, "bob", 100)
        if kind == "memory":
            first.close()
        second = opened()
        await spend(second, "ann", 60)
        now[0] += DAY
        await spend(second, "ann", 130)
        second.close()
        if kind != "memory":
            first.close()

    asyncio.run(act())
    assert told == [("ann", 120, 10 * DAY), ("bob", 100, 10 * DAY), ("ann", 130, 11 * DAY)]


@pytest.mark.parametrize(
    ("scope", "subject", "target", "workspace"),
    [
        (Scope.USER, "ann", "ann", "default"),
        (Scope.GLOBAL, "", None, "default"),
        (Scope.WORKSPACE, "lab", None, "lab"),
        (Scope.ENDPOINT, "chat", "ep-1", "default"),
        (Scope.KEY, "k1", "k1", "default"),
    ],
)
def test_it_is_said_as_mlflow_says_it(
    scope: Scope, subject: str, target: str | None, workspace: str
) -> None:
    budget = Budget(amount=10**10, window=Window(Unit.MONTH, 3), scope=scope, name="bp-1")
    assert payload(Exceeded(budget, subject, 10_500_000_000, 7), "ep-1") == {
        "budget_policy_id": "bp-1",
        "budget_unit": "USD",
        "budget_amount": 10.0,
        "current_spend": 10.5,
        "duration_unit": "MONTHS",
        "duration_value": 3,
        "target_scope": scope.upper(),
        "workspace": workspace,
        "target_value": target,
        "window_start": 7,
    }
