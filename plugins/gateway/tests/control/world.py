"""What tests of counting share: callers, calls with all their ends, and sums to compare."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from inspect import isawaitable
from pathlib import Path
from typing import TypeVar

from pegboard.config import Config
from pegboard.contracts.llm import Task
from pegboard.host import Host
from pegboard.targets import resolve
from pegboard_gateway.control.contract import Ledger, Permit, Soon
from pegboard_gateway.control.ledgers.memory import MemoryLedger
from pegboard_gateway.control.ledgers.sqlite import SqliteLedger
from pegboard_gateway.control.rules import Budget, Limit, Measure, Rules, Scope, counter_prefix
from pegboard_gateway.control.windows import Window
from pegboard_gateway.entities import Asked, Caller, Outcome, Tokens, UsageRecord

T = TypeVar("T")

LEDGERS = ["memory", "sqlite"]
COLUMN = {
    Scope.GLOBAL: "''",
    Scope.KEY: "key_id",
    Scope.USER: "user",
    Scope.ENDPOINT: "endpoint",
    Scope.ADDRESS: "address",
    Scope.WORKSPACE: "workspace",
    Scope.TEAM: "team",
}
SUMMED = {
    Measure.CALLS: "count(*)",
    Measure.TOKENS: "sum(tokens_in + tokens_out)",
    Measure.MONEY: "sum(cost)",
}


def open_ledger(kind: str, directory: Path) -> Ledger:
    """Return a ledger: ``memory``, ``sqlite``, or that of another distribution, by its URI."""
    if kind == "memory":
        return MemoryLedger()
    if kind == "sqlite":
        return SqliteLedger(directory / "counters.db")
    target = Host(Config()).declared("gateway ledger")[kind.partition(":")[0]].target
    ledger: Ledger = resolve(target)(kind, directory)
    return ledger


async def value(soon: Soon[T]) -> T:
    return await soon if isawaitable(soon) else soon


def asked(key: str = "k1", endpoint: str = "chat", stream: bool = False, user: str = "") -> Asked:
    caller = Caller(key_id=key, user=user or f"user of {key}", address="127.0.0.1")
    return Asked(endpoint, Task.CHAT, {"messages": []}, stream, caller)


def record(
    call: Asked, outcome: Outcome = Outcome.DONE, tokens: int = 0, cost: int = 0, **more: object
) -> UsageRecord:
    return UsageRecord(
        id="request",
        started_ms=0,
        endpoint=call.endpoint,
        task=call.task,
        face=call.face,
        outcome=outcome,
        status=200,
        caller=call.caller,
        stream=call.stream,
        tokens=Tokens(input=tokens // 2, output=tokens - tokens // 2),
        cost=cost,
        **more,  # type: ignore[arg-type]
    )


def end(permit: Permit, call: Asked, tokens: int = 0, cost: int = 0) -> None:
    permit.close(record(call, tokens=tokens, cost=cost))


def sums(
    usage: Path, rule: Limit | Budget, now_ms: int, names: Sequence[str] = ()
) -> dict[str, int]:
    """Return by counter what the records in a rule's window add up to."""
    start, over = rule.window.span(now_ms)
    with sqlite3.connect(usage) as connection:
        rows = connection.execute(
            f"SELECT {COLUMN[rule.scope]}, {SUMMED[rule.measure]} FROM gateway_call"
            " WHERE started_ms >= ? AND started_ms < ? AND admitted"
            " AND (? = '' OR endpoint = ?) GROUP BY 1",
            (start, over, rule.endpoint, rule.endpoint),
        ).fetchall()
    connection.close()
    found = {counter_prefix(rule) + subject: amount or 0 for subject, amount in rows}
    return {counter_prefix(rule) + name: 0 for name in names} | found


async def compare(ledger: Ledger, usage: Path, rules: Rules, now_ms: int) -> None:
    """All counters say what the records add up to, and nothing is held."""
    for rule in (*rules.limits, *rules.budgets):
        expected = sums(usage, rule, now_ms)
        window: Window = rule.window
        levels = await value(ledger.levels([(name, window) for name in expected], now_ms))
        assert {name: tuple(level) for name, level in zip(expected, levels, strict=True)} == {
            name: (amount, 0) for name, amount in expected.items()
        }, str(rule)
