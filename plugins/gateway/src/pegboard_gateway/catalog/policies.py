"""Budgets in the database: what may be spent, by all or by somebody, as MLflow 3 has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from attrs import frozen
from pegboard.entities import Page
from pegboard.errors import InvalidValue, NotFound, quoted
from pegboard_stores import offsets
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_gateway.catalog.credentials import change, new_id, touch
from pegboard_gateway.catalog.records import Made
from pegboard_gateway.settings import Budget

_COLUMNS = (
    "id, amount, unit, length, scope, target, action, created, updated, created_by, updated_by "
    "FROM gateway_budget"
)
_MOST = 1e9
"""More dollars than anybody has are a mistake."""


class Unit(StrEnum):
    """What a budget is measured in."""

    USD = "USD"


class Scope(StrEnum):
    """Whose calls a budget counts."""

    GLOBAL = "GLOBAL"
    WORKSPACE = "WORKSPACE"
    ENDPOINT = "ENDPOINT"
    USER = "USER"


class Action(StrEnum):
    """What happens beyond a budget."""

    ALERT = "ALERT"
    REJECT = "REJECT"


class Period(StrEnum):
    """What a budget's window is measured in."""

    MINUTES = "MINUTES"
    HOURS = "HOURS"
    DAYS = "DAYS"
    WEEKS = "WEEKS"
    MONTHS = "MONTHS"


@frozen(kw_only=True)
class Policy(Made):
    """A budget."""

    budget_policy_id: str
    budget_amount: float
    unit: Period
    length: int
    target_scope: Scope
    budget_action: Action
    target_value: str | None = None
    """The id of an endpoint, or the name of a user."""

    def budget(self) -> Budget:
        """Return it as the settings have it."""
        by = {Scope.GLOBAL: "global", Scope.WORKSPACE: "workspace", Scope.USER: "user"}
        return Budget(
            usd=self.budget_amount,
            per=f"{self.length} {self.unit.value.lower()}",
            by=by.get(self.target_scope, "endpoint"),
            action=self.budget_action.value.lower(),
            # As with MLflow: a model without a price costs nothing.
            unpriced="allow",
            of=(self.target_value or "") if self.target_scope is Scope.USER else "",
            name=self.budget_policy_id,
        )


class Policies:
    """Budgets that were made through the API."""

    def __init__(self, database: Database) -> None:
        """Use tables that are up to date."""
        self._database = database

    def create(
        self,
        amount: float,
        period: tuple[Period, int],
        scope: Scope,
        action: Action,
        *,
        target: str | None = None,
        user: str | None = None,
    ) -> Policy:
        """Make a budget; InvalidValue, NotFound for the endpoint that it is for."""
        policy_id, now = new_id("bp"), now_ms()
        row = (policy_id, amount, *period, scope, target or None, action, now, now, user, user)
        _check(amount, period[1], scope, target)
        with self._database.writing() as connection:
            _check_endpoint(connection, scope, target)
            connection.execute(
                "INSERT INTO gateway_budget (id, amount, unit, length, scope, target, action, "
                "created, updated, created_by, updated_by) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            touch(connection)
            return _policy(connection, policy_id)

    def get(self, policy_id: str) -> Policy:
        """Return a budget; NotFound."""
        with self._database.reading() as connection:
            return _policy(connection, policy_id)

    def all(self) -> Sequence[Policy]:
        """Return all budgets, as they were made."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} ORDER BY number")
            return [_of_row(row) for row in rows]

    def page(self, max_results: int, page_token: str | None) -> Page[Policy]:
        """Return a page of the budgets."""
        return offsets.cut(self.all(), max_results, page_token)

    def update(
        self,
        policy_id: str,
        *,
        amount: float | None = None,
        period: tuple[Period, int] | None = None,
        scope: Scope | None = None,
        action: Action | None = None,
        target: str | None = None,
        user: str | None = None,
    ) -> Policy:
        """Change what is not None. A target is that of a scope: another scope needs another."""
        with self._database.writing() as connection:
            before = _policy(connection, policy_id)
            kept = scope in (None, before.target_scope)
            target = target or (before.target_value if kept else None)
            scope = scope or before.target_scope
            amount = before.budget_amount if amount is None else amount
            unit, length = period or (before.unit, before.length)
            _check(amount, length, scope, target)
            _check_endpoint(connection, scope, target)
            row: dict[str, Any] = {
                "amount": amount,
                "unit": unit,
                "length": length,
                "scope": scope,
                "target": target,
                "action": action or before.budget_action,
                "updated": now_ms(),
                "updated_by": user or before.last_updated_by,
            }
            change(connection, "gateway_budget", policy_id, row)
            return _policy(connection, policy_id)

    def delete(self, policy_id: str) -> None:
        """Delete a budget; NotFound."""
        with self._database.writing() as connection:
            _policy(connection, policy_id)
            connection.execute("DELETE FROM gateway_budget WHERE id = ?", (policy_id,))
            touch(connection)


def _check(amount: float, length: int, scope: Scope, target: str | None) -> None:
    if not 0 <= amount <= _MOST:
        raise InvalidValue(f"A budget is from 0 to {_MOST:g} US dollars, not {amount}.")
    if not 1 <= length <= 999_999:
        raise InvalidValue(f"duration.value must be a positive integer, got {length}.")
    needs = scope in (Scope.ENDPOINT, Scope.USER)
    if needs and not target:
        raise InvalidValue(f"target_value is required when target_scope is {scope.value}.")
    if target and not needs:
        raise InvalidValue("target_value can only be set when target_scope is ENDPOINT or USER.")


def _check_endpoint(connection: sqlite3.Connection, scope: Scope, target: str | None) -> None:
    if scope is Scope.ENDPOINT:
        known = "SELECT 1 FROM gateway_endpoint WHERE id = ?"
        if connection.execute(known, (target,)).fetchone() is None:
            raise NotFound(f"GatewayEndpoint not found (endpoint_id={quoted(target or '')}).")


def _policy(connection: sqlite3.Connection, policy_id: str) -> Policy:
    row = connection.execute(
        f"SELECT {_COLUMNS} WHERE id = ?",
        (policy_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"BudgetPolicy not found (budget_policy_id={quoted(policy_id)}).")
    return _of_row(row)


def _of_row(row: Sequence[Any]) -> Policy:
    policy_id, amount, unit, length, scope, target, action, *made = row
    return Policy(
        budget_policy_id=policy_id,
        budget_amount=amount,
        unit=Period(unit),
        length=length,
        target_scope=Scope(scope),
        target_value=target,
        budget_action=Action(action),
        created_at=made[0],
        last_updated_at=made[1],
        created_by=made[2],
        last_updated_by=made[3],
    )
