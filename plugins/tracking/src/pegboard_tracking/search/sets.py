"""Sets of runs that fit conditions, read from indexes; and how many they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from attrs import frozen
from pegboard.entities import LifecycleStage
from pegboard_stores.filters import And, Comparison, Expr, Kind, Not, Operator, Or
from pegboard_stores.sql.pieces import Sql

from pegboard_tracking.search.conditions import (
    Condition,
    State,
    Tie,
    is_indexed,
    is_positive,
    select,
    select_all,
    select_tie,
)
from pegboard_tracking.search.keys import fitting
from pegboard_tracking.search.scope import Scope

_ALL = 1 << 60


@frozen
class Limits:
    """The numbers of runs at which plans change.

    ``few`` are checked one by one rather than through another index. The set of ``some`` is read at
    once rather than probing runs in order, which is done for ``steps`` runs and five for each
    wanted one. ``sorted`` are sorted rather than read in order. More than ``ties`` that tie in a
    field are a search of their own.
    """

    few: int = 300
    some: int = 5_000
    sorted: int = 2_000
    ties: int = 400
    steps: int = 500


def conjuncts(expr: Expr | None) -> tuple[Expr, ...]:
    """Return the conditions that must all hold."""
    if expr is None:
        return ()
    if isinstance(expr, And):
        return tuple(part for item in expr.items for part in conjuncts(item))
    return (expr,)


class Sets:
    """Sets of runs in a scope."""

    def __init__(self, scope: Scope, limits: Limits) -> None:
        self._scope = scope
        self._limits = limits

    def best(self, conditions: Sequence[Condition]) -> tuple[int, list[Sql]]:
        """Return a number of runs among which are all that fit, and SELECTs that find them.

        More than ``limits.some`` if there are more or no index leads to them.
        """
        best: tuple[int, list[Sql]] = self._limits.some + 1, []
        for group in _groups(conditions):
            selects = self._leads(group)
            if selects is not None:
                best = min(best, (self._count(selects, best[0]), selects), key=lambda b: b[0])
        return best

    def may_lack(self, conditions: Sequence[Condition]) -> int:
        """Return an upper bound of the runs that fit, from the keys they must not have.

        More than ``limits.some`` if they need not.
        """
        lacking = [
            condition.field
            for condition in conditions
            if _is_lack(condition) and condition.field.kind is not Kind.DATASET
        ]
        if not lacking:
            return self._limits.some + 1
        everything = self._count([select_all(self._scope, tuple(LifecycleStage))], _ALL)
        having = [select(self._scope, [Comparison(f, Operator.IS_NOT_NULL)]) for f in lacking]
        return everything - max(self._count([each], _ALL) for each in having)

    def union(self, selects: Iterable[Sql]) -> set[int]:
        """Return the runs that any of the SELECTs finds."""
        empty: set[int] = set()
        return empty.union(*(self._scope.run_ids(each) for each in selects))

    def _leads(self, group: Sequence[Condition]) -> list[Sql] | None:
        """Return SELECTs that together find all runs which fit, if indexes lead to them."""
        first = group[0]
        if isinstance(first, Tie):
            missing = first.state is State.MISSING
            return None if missing else [select_tie(self._scope, first)]
        if isinstance(first, Comparison):
            comparisons = [each for each in group if isinstance(each, Comparison)]
            indexed = any(map(is_indexed, comparisons))
            return [select(self._scope, comparisons)] if indexed else None
        if isinstance(first, Or):
            parts = [self._leads([item]) for item in first.items]
            if all(part is not None for part in parts):
                return [each for part in parts if part is not None for each in part]
        if isinstance(first, And):
            leads = [self._leads(inner) for inner in _groups(conjuncts(first))]
            known = [each for each in leads if each is not None]
            return min(known, key=lambda each: self._count(each, self._limits.some), default=None)
        return None

    def _count(self, selects: Sequence[Sql], limit: int) -> int:
        """Return how many runs SELECTs find, looking for a few more than ``limit`` at most."""
        total = 0
        for each in selects:
            text = f"SELECT count(*) FROM ({each.text} LIMIT ?)"  # noqa: S608
            values = (*each.values, limit + 1)
            total += self._scope.connection.execute(text, values).fetchone()[0]
            if total > limit:
                break
        return total

    def _all(self, conditions: Sequence[Condition], among: Iterable[int] | None = None) -> set[int]:
        """Return all runs, or those ``among`` some, that fit; perhaps some of hidden stages."""
        waiting = _groups(conditions)
        if len(waiting) > 1:
            waiting.sort(key=self._cost)
        found = None if among is None else set(among)
        while waiting:
            if found is not None and len(found) <= self._limits.sorted:
                probed = [each for group in waiting for each in group]
                return fitting(self._scope, found, probed)
            found = self._reduce(found, waiting.pop(0))
        return set() if found is None else found

    def of(self, conditions: Sequence[Condition], among: Iterable[int] | None = None) -> set[int]:
        """Return the runs in view, or those ``among`` some of them, that fit."""
        found = self._all(conditions, among)
        hidden = self._scope.hidden_stages
        if among is not None or not hidden:
            return found
        return found - self._scope.run_ids(select_all(self._scope, hidden))

    def _cost(self, group: Sequence[Condition]) -> tuple[int, int]:
        """Return what sorts conditions: those that leave the least, for the least work, first."""
        first = group[0]
        if isinstance(first, Tie) and first.state is not State.MISSING:
            return 0, self._count([select_tie(self._scope, first)], _ALL)
        if isinstance(first, Comparison) and is_positive(first):
            comparisons = [each for each in group if isinstance(each, Comparison)]
            if any(map(is_indexed, comparisons)):
                return 0, self._count([select(self._scope, comparisons)], _ALL)
            return 1, 0
        return (2 if isinstance(first, (And, Or)) else 3), 0

    def _reduce(self, found: set[int] | None, group: Sequence[Condition]) -> set[int]:
        """Return those of ``found`` (None: of all) that fit a group of conditions."""
        lacking = self._lacking(group[0])
        if lacking is not None:
            everything = self._scope.run_ids(select_all(self._scope)) if found is None else found
            return everything - lacking
        fitting = self._fitting(group)
        return fitting if found is None else found & fitting

    def _lacking(self, condition: Condition) -> set[int] | None:
        """Return the runs that do *not* fit, of a condition for which these are found."""
        if isinstance(condition, Not):
            return self._all(conjuncts(condition.item))
        if _is_lack(condition):
            having = Comparison(condition.field, Operator.IS_NOT_NULL)
            return self._scope.run_ids(select(self._scope, [having]))
        return None

    def _fitting(self, group: Sequence[Condition]) -> set[int]:
        first = group[0]
        if isinstance(first, Tie):
            return self._scope.run_ids(select_tie(self._scope, first))
        if isinstance(first, Or):
            return {row for item in first.items for row in self._all(conjuncts(item))}
        if isinstance(first, And):
            return self._all(conjuncts(first))
        comparisons = [each for each in group if isinstance(each, Comparison)]
        return self._scope.run_ids(select(self._scope, comparisons))


def _is_lack(condition: Condition) -> TypeGuard[Comparison | Tie]:
    """Whether a condition holds for the runs without something that an index lists."""
    if isinstance(condition, Tie):
        return condition.state is State.MISSING and condition.field.kind is not Kind.ATTRIBUTE
    return isinstance(condition, Comparison) and not is_positive(condition)


def _groups(conditions: Iterable[Condition]) -> list[list[Condition]]:
    """Return conditions that must all hold, those about one value of a run together."""
    groups: dict[object, list[Condition]] = {}
    for number, condition in enumerate(conditions):
        name: object = number
        if (
            isinstance(condition, Comparison)
            and is_positive(condition)
            and condition.field.kind is not Kind.DATASET
        ):
            name = condition.field, isinstance(condition.value, (int, float))
        groups.setdefault(name, []).append(condition)
    return list(groups.values())
