"""From rules to charges: which counters a call adds to, and what is said when one is full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pegboard_gateway.control.contract import BudgetSpent, Charge, LimitReached, Refusal
from pegboard_gateway.control.rules import (
    CALLS,
    Action,
    Budget,
    Limit,
    Measure,
    Meter,
    Rules,
    Scope,
    Unpriced,
    meters,
    subject_of,
)
from pegboard_gateway.entities import Caller, TargetKey
from pegboard_gateway.money import Money

_MOST = 2**63 - 1
_SOON_SECONDS = 1.0
"""When to ask again if what fills a counter is held by calls that still run."""


class Charging:
    """The rules in force, sorted by what they hold for."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._limits: dict[str, list[Meter]] = {}
        self._budgets: dict[str, list[Meter]] = {}
        self._strict: dict[str, list[Meter]] = {}

    def admission(
        self, caller: Caller, endpoint: str, tokens: int, open_ended: bool = False
    ) -> list[Charge]:
        """Return what a call adds to counters of calls and tokens.

        One without a known end fills those of tokens, as an attempt does those of money.
        """
        found = self._limits.get(endpoint)
        if found is None:
            found = self._limits[endpoint] = meters(self._rules.limits, endpoint)
        charges = _charges(found, caller, endpoint, {Measure.CALLS: 1, Measure.TOKENS: tokens})
        if open_ended:
            charges = [
                each
                if each.counter.startswith(CALLS)
                else each._replace(amount=max(tokens, each.limit or 0))
                for each in charges
            ]
        return charges

    def attempt(
        self, caller: Caller, endpoint: str, cost: Money, open_ended: bool = False
    ) -> list[Charge]:
        """Return what an attempt adds to counters of money.

        One without a known end fills the budgets that reject: it passes while they are not spent,
        and until it is settled nothing else does.
        """
        found = self._budgets.get(endpoint)
        if found is None:
            found = self._budgets[endpoint] = meters(self._rules.budgets, endpoint)
        charges = _charges(found, caller, endpoint, {Measure.MONEY: cost})
        if open_ended and cost:
            charges = [each._replace(amount=max(cost, each.limit or 0)) for each in charges]
        return charges

    def check_priced(self, caller: Caller, endpoint: str, target: TargetKey) -> None:
        """Refuse a target without a known price, if a budget holds that wants one."""
        found = self._budgets.get(endpoint)
        if found is None:
            found = self._budgets[endpoint] = meters(self._rules.budgets, endpoint)
        for meter in found:
            rule = meter.rule(subject_of(meter.scope, caller, endpoint))
            if not isinstance(rule, Budget) or rule.action is not Action.REJECT:
                continue
            if rule.unpriced is Unpriced.REFUSE:
                raise BudgetSpent(
                    f"The price of {target} is not known, so it cannot be counted against "
                    f"{_whose(rule)}.",
                    hint="The gateway's operator can set its price, or unpriced = 'allow' in the "
                    "budget.",
                    retry_after=None,
                )

    def alerts(self, caller: Caller, endpoint: str) -> list[tuple[Charge, Budget]]:
        """Return the counters of budgets that only alert, each with its budget."""
        found = []
        for meter in self._budgets.get(endpoint, ()):
            subject = subject_of(meter.scope, caller, endpoint)
            rule = meter.rule(subject)
            if isinstance(rule, Budget) and rule.action is Action.ALERT:
                charge = Charge(meter.prefix + subject, meter.window, 0, rule.amount)
                found.append((charge, rule))
        return found

    def refused(
        self,
        caller: Caller,
        endpoint: str,
        charges: Sequence[Charge],
        refusals: Sequence[Refusal],
        now_ms: int,
    ) -> LimitReached | BudgetSpent:
        """Return the error of charges that were refused: of the one that lasts longest."""
        known = {
            meter.prefix + subject_of(meter.scope, caller, endpoint): meter
            for meter in (*self._limits.get(endpoint, ()), *self._budgets.get(endpoint, ()))
        }
        found = []
        for refusal in refusals:
            charge = charges[refusal.place]
            meter = known[charge.counter]
            rule = meter.rule(subject_of(meter.scope, caller, endpoint))
            if rule is not None:
                found.append(_wait(charge, meter, refusal, now_ms, rule))
        return _error(max(found, key=lambda each: each.seconds))


class Fixed:
    """Rules that do not change."""

    def __init__(self, rules: Rules) -> None:
        self._charging = Charging(rules)

    def __call__(self) -> Charging:
        """Return them."""
        return self._charging


class _Wait(NamedTuple):
    seconds: float
    rule: Limit | Budget
    is_held: bool
    """Whether calls that still run hold what is left."""


def _charges(
    found: Sequence[Meter], caller: Caller, endpoint: str, amounts: dict[Measure, int]
) -> list[Charge]:
    charges = []
    for meter in found:
        subject = subject_of(meter.scope, caller, endpoint)
        rule = meter.rule(subject)
        if rule is not None:
            alerts = isinstance(rule, Budget) and rule.action is Action.ALERT
            limit = None if alerts else rule.amount
            charges.append(
                Charge(meter.prefix + subject, meter.window, amounts[meter.measure], limit)
            )
    return charges


def _wait(
    charge: Charge, meter: Meter, refusal: Refusal, now_ms: int, rule: Limit | Budget
) -> _Wait:
    """Return after how many seconds the same charge may pass."""
    until_end = max(refusal.ends_ms - now_ms, 0) / 1000
    limit = _MOST if charge.limit is None else charge.limit
    if meter.measure is not Measure.CALLS and refusal.level - refusal.held < limit:
        return _Wait(min(until_end, _SOON_SECONDS), rule, is_held=True)
    return _Wait(until_end, rule, is_held=False)


def _error(wait: _Wait) -> LimitReached | BudgetSpent:
    seconds, rule, is_held = wait
    again = f"Try again in {_text(seconds)}"
    if isinstance(rule, Limit) and is_held:
        return LimitReached(
            f"Calls that still run may take what is left of {_whose(rule)[:-1]}.",
            hint=f"{again}, and say max_tokens: then less is set aside for a call.",
            retry_after=seconds,
        )
    if isinstance(rule, Limit):
        return LimitReached(
            f"{_whose(rule).capitalize()} is reached.",
            hint=f"{again}, or ask the gateway's operator for more.",
            retry_after=seconds,
        )
    if is_held:
        return BudgetSpent(
            f"Calls that still run may take what is left of {_whose(rule)[:-1]}.",
            hint=f"{again}, and say max_tokens: then less is set aside for a call.",
            retry_after=seconds,
        )
    return BudgetSpent(
        f"{_whose(rule).capitalize()} is spent.",
        hint=f"{again}, use a model that costs nothing, or ask the gateway's operator for more.",
        retry_after=seconds,
    )


def _whose(rule: Limit | Budget) -> str:
    """Return what a rule is, without whom else it holds for."""
    kind = "limit" if isinstance(rule, Limit) else "budget"
    name = f" {rule.name!r}" if isinstance(rule, Budget) and rule.name else ""
    of = {
        Scope.GLOBAL: "of this gateway",
        Scope.WORKSPACE: "of this workspace",
        Scope.ENDPOINT: "of this endpoint",
        Scope.KEY: "of this key",
        Scope.USER: "of this user",
        Scope.TEAM: "of this team",
        Scope.ADDRESS: "of this address",
    }[rule.scope]
    at = f" at the endpoint {rule.endpoint!r}" if rule.endpoint else ""
    return f"the {kind}{name} {of}{at}, {rule},"


def _text(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    for unit, length in (("days", 86_400), ("hours", 3_600)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 60:.3g} minutes"
