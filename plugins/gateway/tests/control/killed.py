"""A process that makes calls of all kinds until it is killed: KIND DIRECTORY SEED."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from pegboard_gateway.control.contract import BudgetSpent, LimitReached
from pegboard_gateway.control.gate import LedgerGate
from pegboard_gateway.control.rules import Budget, Limit, Rules, Scope
from pegboard_gateway.entities import Estimate, Spent, Tokens
from pegboard_gateway.usage.keeping import open_keeping
from world import asked, open_ledger, record, value

MOST = 1_000
BUDGET = 60_000
RULES = Rules(
    limits=[
        Limit.parse("100000 calls/year", scope=Scope.KEY),
        Limit.parse("500000 tokens/year", scope=Scope.GLOBAL),
    ],
    budgets=[
        Budget.parse(f"{BUDGET / 1e9:.9f} usd/year", scope=Scope.GLOBAL),
        Budget.parse(f"{BUDGET / 3e9:.9f} usd/year", scope=Scope.KEY),
    ],
)


async def call(gate: LedgerGate, chance: random.Random) -> None:
    one = asked(key=chance.choice(["k1", "k2", "k3"]), stream=chance.random() < 0.5)
    try:
        permit = await value(gate.admit(one, Estimate(10, chance.randint(1, 50))))
    except LimitReached:
        return
    spent = 0
    try:
        for attempt in range(chance.randint(1, 3)):
            most = chance.randint(1, MOST)
            await value(permit.reserve(f"chat/{attempt}", most))
            for _ in range(chance.randint(0, 5)):
                await asyncio.sleep(0)
            took = chance.randint(0, most)
            permit.settle(Spent(f"chat/{attempt}", Tokens(), took))
            spent += took
            if chance.random() < 0.5:
                break
    except BudgetSpent:
        pass
    permit.close(record(one, tokens=chance.randint(0, 60), cost=spent))


async def main(kind: str, directory: Path, seed: int) -> None:
    chance = random.Random(seed)
    keeping = open_keeping(directory, lambda: open_ledger(kind, directory), RULES)
    os.write(1, b"ready\n")

    async def some() -> None:
        while True:
            task = asyncio.ensure_future(call(keeping.gate, chance))
            if chance.random() < 0.1:
                # The client goes away, wherever its call is.
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            os.write(1, b".\n")
            await asyncio.sleep(0)

    await asyncio.gather(*[some() for _ in range(8)])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
