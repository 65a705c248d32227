"""Prices that nobody knows, and the budgets that they keep from working.

Calls of such models cost nobody knows what: records leave it open, and budgets refuse or miss them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pegboard.contracts.llm import LocalProvider
from pegboard_llm.prices import price_of

from pegboard_gateway.catalog.contract import GatewayEndpoint, Target
from pegboard_gateway.control.keys import Key
from pegboard_gateway.control.rules import Action, Budget, Unpriced, of_tables
from pegboard_gateway.settings import Settings


def unpriced(target: Target) -> bool:
    """Whether nobody knows the price of a target; models in this process cost nothing."""
    return (
        target.price is None
        and not isinstance(target.model, LocalProvider)
        and price_of(target.provider, target.model_name) is None
    )


def warnings(settings: Settings, endpoints: Iterable[GatewayEndpoint]) -> tuple[str, ...]:
    """Return what people should know of each model whose price nobody knows.

    Budgets of single keys are not looked at: see ``warnings_of_key``.
    """
    common = of_tables((), settings.budgets).budgets
    found: list[str] = []
    for endpoint in endpoints:
        budgets = [*of_tables((), endpoint.budgets, endpoint.name).budgets, *common]
        found += _told(endpoint, _effect(budgets))
    return tuple(found)


def warnings_of_key(key: Key, endpoints: Iterable[GatewayEndpoint]) -> tuple[str, ...]:
    """Return what people should know of each such model that a key is for, and may not pay."""
    refusing = next(filter(_refuses, key.rules()[1]), None)
    if refusing is None:
        return ()
    effect = f"the key's budget of {refusing} refuses its calls"
    covered = (each for each in endpoints if key.covers(each.name))
    return tuple(text for endpoint in covered for text in _told(endpoint, effect))


def _told(endpoint: GatewayEndpoint, effect: str) -> Iterator[str]:
    for target in filter(unpriced, endpoint.targets):
        yield (
            f"The price of {target.provider}/{target.model_name}, at the endpoint "
            f'{endpoint.name!r}, is not known: {effect}. Set its "price".'
        )


def _effect(budgets: Sequence[Budget]) -> str:
    """Return what becomes of calls without a price."""
    refusing = next(filter(_refuses, budgets), None)
    if refusing is not None:
        return f"the budget{_name(refusing)} refuses its calls"
    missing = "".join(f", and the budget{_name(each)} does not count them" for each in budgets)
    return f"what its calls cost stays open{missing}"


def _refuses(budget: Budget) -> bool:
    return budget.action is Action.REJECT and budget.unpriced is Unpriced.REFUSE


def _name(budget: Budget) -> str:
    return f" {budget.name!r}" if budget.name else f" of {budget}"
