"""Budgets that are spent, told to other plugins: webhooks are called for them.

Only budgets that alert are told of, as with MLflow, once in a window for each whom they are for.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pegboard import plugin_calls

from pegboard_gateway.control.gate import Exceeded
from pegboard_gateway.control.rules import Scope
from pegboard_gateway.money import DOLLAR

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_gateway.catalog.store import Store

_DEFAULT = "default"
"""The workspace of servers that have no others."""
_FOR_ALL = (Scope.GLOBAL, Scope.WORKSPACE)

logger = logging.getLogger(__name__)


class Announcer:
    """Tells plugins of budgets, in a thread of its own: they may take their time."""

    def __init__(self, host: Host, store: Store) -> None:
        """``store`` knows the ids of endpoints and budgets that were made through the API."""
        self._host, self._store = host, store
        self._pool = ThreadPoolExecutor(1, "gateway budgets")

    def add(self, exceeded: Exceeded) -> None:
        """Tell of a budget soon; never waits."""
        self._pool.submit(self._announce, exceeded)

    def close(self) -> None:
        """Tell of all that waits."""
        self._pool.shutdown()

    def _announce(self, exceeded: Exceeded) -> None:
        try:
            given = {"host": self._host, "data": payload(exceeded, self._endpoint(exceeded))}
        except Exception:
            logger.exception("A budget that is spent could not be told of.")
            return
        for plugin in self._host.manager.hook.pegboard_budget_exceeded.get_hookimpls():
            try:
                plugin_calls.asked(plugin, given)
            except Exception:
                # A broken one harms no other.
                logger.exception("The plugin %r was told of a budget, and failed.", plugin)

    def _endpoint(self, exceeded: Exceeded) -> str:
        """Return the id of the endpoint that a budget is for; its name if it is of a file."""
        name = exceeded.budget.endpoint or exceeded.subject
        if exceeded.budget.scope is not Scope.ENDPOINT or not self._store.exists():
            return name
        made = {each.name: each.endpoint_id for each in self._store.endpoints.all()}
        return made.get(name, name)


def payload(exceeded: Exceeded, endpoint: str = "") -> dict[str, Any]:
    """Return what MLflow's event says, with scopes and units of ours that MLflow has not."""
    budget, scope = exceeded.budget, exceeded.budget.scope
    target = endpoint if scope is Scope.ENDPOINT else exceeded.subject
    of_workspace = exceeded.subject if scope is Scope.WORKSPACE else ""
    return {
        "budget_policy_id": budget.name or f"{scope} {budget}",
        "budget_unit": "USD",
        "budget_amount": budget.amount / DOLLAR,
        "current_spend": exceeded.spent / DOLLAR,
        "duration_unit": f"{budget.window.unit.upper()}S",
        "duration_value": budget.window.count,
        "target_scope": str(scope).upper(),
        "workspace": of_workspace or _DEFAULT,
        "target_value": None if scope in _FOR_ALL else target,
        "window_start": exceeded.window_start_ms,
    }
