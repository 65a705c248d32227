"""Where limits and budgets stand: what is used of each, by whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pegboard_stores.sqlite import Database

from pegboard_gateway.control.rules import Budget, Limit, Measure
from pegboard_gateway.usage import queries


def standing(
    database: Database | None, rules: Iterable[Limit | Budget], now_ms: int
) -> list[dict[str, Any]]:
    """Return what is used of each rule by each subject, the fullest first.

    It is the sum of the records of this machine: what still runs is not in it. Amounts are calls,
    tokens or nano-dollars; ``unpriced`` calls are in no sum of money. A rule that nobody has used
    comes once, without a subject.
    """
    found: list[dict[str, Any]] = []
    given = list(rules)
    for rule in given:
        used = {} if database is None else queries.measured(database, rule, now_ms)
        # Those who have a rule of their own are not held to the one for all others.
        own = {each.subject for each in given if each.subject and _alike(each, rule)}
        if not rule.subject:
            used = {subject: amount for subject, amount in used.items() if subject not in own}
        start, end = rule.window.span(now_ms)
        for subject, each in (used or {rule.subject: queries.Used()}).items():
            found.append(
                {
                    "measure": str(rule.measure),
                    "scope": str(rule.scope),
                    "endpoint": rule.endpoint,
                    "subject": subject,
                    "window": str(rule.window),
                    "amount": rule.amount,
                    "used": each.amount,
                    "unpriced": each.unpriced,
                    "action": str(rule.action) if isinstance(rule, Budget) else "reject",
                    "name": rule.name if isinstance(rule, Budget) else "",
                    "begins_ms": start,
                    "ends_ms": end,
                }
            )
    return sorted(found, key=_fullness, reverse=True)


def _fullness(found: dict[str, Any]) -> tuple[bool, float]:
    part = found["used"] / found["amount"] if found["amount"] else float("inf")
    return found["measure"] == Measure.MONEY, part


def _alike(one: Limit | Budget, other: Limit | Budget) -> bool:
    def kind(rule: Limit | Budget) -> tuple[object, ...]:
        return rule.measure, rule.window, rule.scope, rule.endpoint

    return kind(one) == kind(other)
