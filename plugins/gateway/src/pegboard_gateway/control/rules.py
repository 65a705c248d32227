"""Limits of calls and tokens, budgets of money: what they hold for, and how they are written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from attrs import define, evolve, field, frozen, validators
from pegboard.errors import InvalidValue, quoted

from pegboard_gateway import settings
from pegboard_gateway.control.windows import Window
from pegboard_gateway.entities import Caller
from pegboard_gateway.money import Money, dollars, of_dollars


class Scope(StrEnum):
    """What each has a counter of its own."""

    GLOBAL = "global"
    """One counter for all calls."""
    WORKSPACE = "workspace"
    ENDPOINT = "endpoint"
    KEY = "key"
    USER = "user"
    TEAM = "team"
    ADDRESS = "address"


class Measure(StrEnum):
    """What is counted."""

    CALLS = "calls"
    TOKENS = "tokens"
    MONEY = "money"


class Action(StrEnum):
    """What a budget does when it is spent."""

    REJECT = "reject"
    ALERT = "alert"


class Unpriced(StrEnum):
    """What a budget does about a target whose price is not known."""

    REFUSE = "refuse"
    ALLOW = "allow"
    """Let it through, and count it as free."""


_AMOUNT = re.compile(r"\s*(\d{1,15})\s*(calls?|tokens?)?\s*(?:/|\bper\b|\ba\b)\s*([\w ]+)")
_MONEY = re.compile(r"\s*\$?\s*(\d{1,9}(?:\.\d{1,9})?)\s*(?:usd)?\s*(?:/|\bper\b|\ba\b)\s*([\w ]+)")
_LONGEST = 200
"""Longer names of callers are counted by their hash."""


@frozen(kw_only=True)
class Limit:
    """How many calls or tokens there may be in a window of time.

    With ``endpoint`` it counts calls of that endpoint alone. With ``subject`` it holds for that
    key, user, address… alone, in place of the one without a subject.
    """

    measure: Measure
    amount: int = field(validator=[validators.ge(0), validators.le(2**53)])
    window: Window
    scope: Scope = Scope.GLOBAL
    endpoint: str = ""
    subject: str = ""

    @staticmethod
    def parse(text: str, *, scope: Scope, endpoint: str = "", subject: str = "") -> Limit:
        """Return the limit that ``100/minute`` or ``20000 tokens per day`` stands for."""
        found = _AMOUNT.fullmatch(text.lower())
        if found is None:
            raise InvalidValue(
                f"{quoted(text)} is not a limit.",
                hint="Write it like 100/minute, 5 calls per second or 20000 tokens/day.",
            )
        measure = Measure.TOKENS if (found[2] or "").startswith("t") else Measure.CALLS
        return Limit(
            measure=measure,
            amount=int(found[1]),
            window=Window.parse(found[3]),
            scope=scope,
            endpoint=endpoint,
            subject=subject,
        )

    def __str__(self) -> str:
        return f"{self.amount} {self.measure} per {self.window}"


@frozen(kw_only=True)
class Budget:
    """How much money may be spent in a window of time.

    ``endpoint`` and ``subject`` as of a Limit.
    """

    amount: Money = field(validator=validators.ge(0))
    window: Window
    scope: Scope = Scope.GLOBAL
    action: Action = Action.REJECT
    unpriced: Unpriced = Unpriced.REFUSE
    endpoint: str = ""
    subject: str = ""
    name: str = ""
    """The name that people gave it; it is shown in messages."""

    measure = Measure.MONEY

    @staticmethod
    def parse(text: str, *, scope: Scope, endpoint: str = "", subject: str = "") -> Budget:
        """Return the budget that ``10 USD/month`` or ``$2.50 per day`` stands for."""
        found = _MONEY.fullmatch(text.lower())
        if found is None:
            raise InvalidValue(
                f"{quoted(text)} is not a budget.",
                hint="Write it like 10 USD/month or 0.50/day.",
            )
        return Budget(
            amount=of_dollars(found[1]),
            window=Window.parse(found[2]),
            scope=scope,
            endpoint=endpoint,
            subject=subject,
        )

    def __str__(self) -> str:
        return f"{dollars(self.amount)} USD per {self.window}"


@frozen
class Rules:
    """All limits and budgets in force; it is replaced as a whole."""

    limits: Sequence[Limit] = ()
    budgets: Sequence[Budget] = ()


NO_RULES = Rules()


def of_tables(
    limits: Iterable[settings.Limit], budgets: Iterable[settings.Budget], endpoint: str = ""
) -> Rules:
    """Return the rules that tables of the configuration stand for.

    Those of an endpoint count its own calls; without one all calls are counted together, or with
    ``by = "endpoint"`` those of each endpoint.
    """
    found: list[Limit] = []
    for limit in limits:
        for measure, amount in ((Measure.CALLS, limit.calls), (Measure.TOKENS, limit.tokens)):
            if amount is not None:
                window, scope = Window.parse(limit.per), Scope(limit.by)
                rule = Limit(measure=measure, amount=amount, window=window, scope=scope)
                found.append(evolve(rule, endpoint=endpoint, subject=limit.of))
    money = [
        Budget(
            amount=of_dollars(budget.usd),
            window=Window.parse(budget.per),
            scope=Scope(budget.by),
            action=Action(budget.action),
            unpriced=Unpriced(budget.unpriced),
            endpoint=endpoint,
            subject=budget.of,
            name=budget.name,
        )
        for budget in budgets
    ]
    return Rules(found, money)


@define(eq=False)
class Meter:
    """The rules of one kind of counter: a measure, a window, a scope, perhaps an endpoint."""

    measure: Measure
    window: Window
    scope: Scope
    prefix: str
    """How the names of its counters begin."""
    general: Limit | Budget | None = None
    special: dict[str, Limit | Budget] = field(factory=dict)
    """By subject, the rules that hold for it alone."""

    def rule(self, subject: str) -> Limit | Budget | None:
        """Return what holds for a subject; None if nothing does."""
        return self.special.get(subject, self.general)

    def add(self, rule: Limit | Budget) -> None:
        """Add a rule; of two for the same the smaller amount holds."""
        known = self.special.get(rule.subject) if rule.subject else self.general
        if known is not None and known.amount <= rule.amount:
            return
        if rule.subject:
            self.special[rule.subject] = rule
        else:
            self.general = rule


def meters(rules: Iterable[Limit | Budget], endpoint: str) -> list[Meter]:
    """Return the meters of what holds for calls of an endpoint."""
    found: dict[str, Meter] = {}
    for rule in rules:
        if rule.endpoint not in ("", endpoint):
            continue
        prefix = counter_prefix(rule)
        if prefix not in found:
            found[prefix] = Meter(rule.measure, rule.window, rule.scope, prefix)
        found[prefix].add(rule)
    return list(found.values())


def counter_prefix(rule: Limit | Budget) -> str:
    """Return how the names of a rule's counters begin; the subject follows."""
    # What only alerts never refuses, so it has counters of its own.
    alert = "alert " if isinstance(rule, Budget) and rule.action is Action.ALERT else ""
    return f"{alert}{rule.measure}|{rule.window}|{rule.scope}|{rule.endpoint}|"


CALLS = f"{Measure.CALLS}|"
"""How the names of counters of calls begin."""


def subject_of(scope: Scope, caller: Caller, endpoint: str) -> str:
    """Return whose counter of a scope a call adds to.

    Callers without a key (a user, an address…) share one, whose subject is empty.
    """
    if scope is Scope.GLOBAL:
        return ""
    if scope is Scope.ENDPOINT:
        return endpoint
    name = _NAMES[scope](caller)
    return name if len(name) <= _LONGEST else hashlib.sha256(name.encode()).hexdigest()


_NAMES = {
    Scope.WORKSPACE: lambda caller: caller.workspace,
    Scope.KEY: lambda caller: caller.key_id,
    Scope.USER: lambda caller: caller.user,
    Scope.TEAM: lambda caller: caller.team,
    Scope.ADDRESS: lambda caller: caller.address,
}

__all__ = [
    "CALLS",
    "NO_RULES",
    "Action",
    "Budget",
    "Limit",
    "Measure",
    "Meter",
    "Rules",
    "Scope",
    "Unpriced",
    "counter_prefix",
    "meters",
    "of_tables",
    "subject_of",
]
