"""The planner of run searches: which index leads to the runs of a page soonest.

SQLite's own planner does not know how many runs a condition fits. Here, in turn:

1. If a condition fits few runs, which a bounded count tells, these are looked at one by one.
2. Else, if every condition fits many, the runs are read in the wanted order, from its index, and each is probed. That soon fills a
   page if many runs match, and is given up after a number of runs.
3. Else the sets of the runs that the conditions fit are read from their indexes and combined. What
   is left is sorted if it is little; else runs are read in order and looked up in the set.

An order by several fields is followed field by field: runs that tie in the first field are a search
of their own, by the other fields, with the tie as one more condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from attrs import evolve, frozen
from pegboard.entities import LifecycleStage
from pegboard.filters import And, Comparison, Expr, Field, Kind, Not, Operator, Or, OrderBy

from pegboard_tracking.schema import HEAD
from pegboard_tracking.search_conditions import (
    Condition,
    State,
    Tie,
    is_indexed,
    is_positive,
    select,
    select_all,
    select_tie,
)
from pegboard_tracking.search_keys import fitting, keys, ranked, unique_prefix
from pegboard_tracking.search_scope import Scope, Sql
from pegboard_tracking.search_streams import Stream
from pegboard_tracking.search_tokens import Key, is_nan

FEW = 300
"""So many runs are looked at one by one rather than through another index."""

SORTED = 2_000
"""So many runs are sorted rather than read in order."""

SOME = 5_000
"""The set of so many runs is read at once rather than probing runs in order first."""

TIES = 400
"""So many runs that tie in a field are sorted by the other fields."""

STEPS = 500
"""So many runs, and five for each wanted one, are probed before another plan is made."""


class _TooFar(Exception):
    """So many runs were read in order that another plan is likely to be faster."""


@frozen
class Query:
    """The runs that are looked for: those that fit all conditions and are among ``members``.

    ``members`` are of a lifecycle stage that is looked at; None: any runs. All of them are known to
    fit the conditions ``known``, which tell where in an order they can be.
    """

    conditions: tuple[Condition, ...] = ()
    members: frozenset[int] | None = None
    known: tuple[Condition, ...] = ()

    def with_tie(self, tie: Tie) -> Query:
        """Return the query for those that are also part of a tie."""
        return evolve(self, conditions=(*self.conditions, tie))


def conjuncts(expr: Expr | None) -> tuple[Expr, ...]:
    """Return the conditions that must all hold."""
    if expr is None:
        return ()
    if isinstance(expr, And):
        return tuple(part for item in expr.items for part in conjuncts(item))
    return (expr,)


class Planner:
    """Finds runs in a scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def page(
        self, query: Query, order: Sequence[OrderBy], need: int, after: Key | None
    ) -> list[int]:
        """Return the rows of the first ``need`` runs behind the key ``after``."""
        if query.members is None and query.conditions:
            best, selects = self._best(query.conditions)
            if selects and best <= FEW:
                return self._rank(self._union(selects), query, order, need, after)
            lacking = self._lacking_count(query.conditions)
            if not lacking:
                return []
            if min(best, lacking) > SOME:
                try:
                    return self._walk(query, order, need, after, STEPS + 5 * need)
                except _TooFar:
                    pass
        if query.conditions:
            query = self._resolved(query)
        if query.members is not None and len(query.members) <= SORTED:
            return self._rank(query.members, query, order, need, after)
        return self._walk(query, order, need, after, None)

    def _resolved(self, query: Query) -> Query:
        """Return the query by the set of the runs that fit its conditions."""
        members = self._all(query.conditions, query.members)
        if query.members is None:
            members = self._shown(members)
        return Query((), frozenset(members), (*query.known, *query.conditions))

    def _rank(
        self,
        rows: Iterable[int],
        query: Query,
        order: Sequence[OrderBy],
        need: int,
        after: Key | None,
    ) -> list[int]:
        if query.members is not None:
            rows = query.members.intersection(rows)
        return ranked(self._scope, rows, order, need, conditions=query.conditions, after=after)

    # -- reading in order ----------------------------------------------------------------------

    def _walk(
        self,
        query: Query,
        order: Sequence[OrderBy],
        need: int,
        after: Key | None,
        budget: int | None,
    ) -> list[int]:
        """Read runs in order; _TooFar if more than ``budget`` are read before there are enough."""
        field = order[0].field
        begin = None if after is None else after[0]
        found: list[int] = []
        if after is None or not (begin is None or is_nan(begin)):
            found = self._walk_values(query, order, need, after, budget)
        for state in (State.NAN, State.MISSING):
            if len(found) >= need or not _may_be(field, state, (*query.conditions, *query.known)):
                continue
            if state is State.NAN and after is not None and begin is None:
                continue
            inside = after is not None and (is_nan(begin) if state is State.NAN else begin is None)
            rest = after[1:] if after is not None and inside else None
            tied = query.with_tie(Tie(field, state))
            found += self.page(tied, order[1:], need - len(found), rest)
        return found

    def _walk_values(
        self,
        query: Query,
        order: Sequence[OrderBy],
        need: int,
        after: Key | None,
        budget: int | None,
    ) -> list[int]:
        found: list[int] = []
        width = unique_prefix(order)
        bound = after
        if after is not None and not width:
            head = _head(order[0], after[0])
            found = self._tied(query, order, head, need, after)
            bound = (head,)
        while len(found) < need:
            rows, large = self._gather(query, order, need - len(found), bound, budget)
            found += rows
            if large is None:
                break
            found += self._tied(query, order, large, need - len(found), None)
            bound = (large,)
        return found[:need]

    def _gather(
        self,
        query: Query,
        order: Sequence[OrderBy],
        need: int,
        bound: Key | None,
        budget: int | None,
    ) -> tuple[list[int], float | str | None]:
        """Read runs behind ``bound`` till there are enough, or a large tie of a value begins.

        Returns the runs before that tie, in order, and its value or None.
        """
        stream = Stream(
            self._scope,
            order,
            query.conditions,
            known=query.known,
            bound=bound,
            check_stage=query.members is None,
        )
        if query.members is not None and not query.conditions and stream.is_single:
            return self._gather_members(stream, query.members, order, need)
        unique = bool(unique_prefix(order))
        rows: list[int] = []
        tie: list[int] = []
        tied = False
        current: Key | None = None
        for read, (key, row, fits) in enumerate(stream):
            if key != current:
                rows += tie
                tied = tied or len(tie) > 1
                tie, current = [], key
                if len(rows) >= need:
                    break
            if budget is not None and read > budget:
                if 4 * (len(rows) + len(tie)) < need:
                    raise _TooFar
                budget *= 4  # The page will soon be full.
            if fits and (query.members is None or row in query.members):
                tie.append(row)
                if len(tie) > TIES and not unique:
                    return self._sort(rows, order, need, tied=tied), key[0]
        rows += tie
        return self._sort(rows, order, need, tied=tied or len(tie) > 1), None

    def _gather_members(
        self, stream: Stream, members: frozenset[int], order: Sequence[OrderBy], need: int
    ) -> tuple[list[int], float | str | None]:
        """Do as ``_gather`` for members, by their rows alone: much faster for long ways.

        The tie that the last run is in may go on behind it, so it is left to the caller.
        """
        rows: list[int] = []
        for part in stream.parts():
            rows += [row for row in part if row in members]
            if len(rows) > need:
                break
        else:
            unique = bool(unique_prefix(order))
            return self._sort(rows, order, need, tied=not unique), None
        rows = rows[: need + 1]
        if unique_prefix(order):
            return rows[:need], None
        keyed = keys(self._scope, rows, order, ())
        heads = {row: _head(order[0], key[0]) for key, row in keyed}
        last = heads[rows[-1]]
        before = [row for row in rows if heads[row] != last]
        return self._sort(before, order, need, tied=True), last

    def _sort(
        self, rows: list[int], order: Sequence[OrderBy], need: int, *, tied: bool
    ) -> list[int]:
        return ranked(self._scope, rows, order, need) if tied else rows[:need]

    def _tied(
        self,
        query: Query,
        order: Sequence[OrderBy],
        value: float | str | None,
        need: int,
        after: Key | None,
    ) -> list[int]:
        """Return the first runs of the tie that have ``value`` in the first field."""
        field = order[0].field
        tie = Tie(field, State.VALUE, value)
        if field.kind in (Kind.PARAM, Kind.TAG) and len(str(value)) >= HEAD:
            # Only the heads are known to be equal.
            rows = self._scope.run_ids(select_tie(self._scope, tie))
            return self._rank(rows, query, order, need, after)
        rest = None if after is None else after[1:]
        return self.page(query.with_tie(tie), order[1:], need, rest)

    # -- sets of runs --------------------------------------------------------------------------

    def _best(self, conditions: Sequence[Condition]) -> tuple[int, list[Sql]]:
        """Return a number of runs among which are all that fit, and SELECTs that find them.

        More than SOME if there are more or no index leads to them.
        """
        best: tuple[int, list[Sql]] = SOME + 1, []
        for group in _groups(conditions):
            selects = self._leads(group)
            if selects is not None:
                best = min(best, (self._count(selects, best[0]), selects), key=lambda b: b[0])
        return best

    def _lacking_count(self, conditions: Sequence[Condition]) -> int:
        """Return how many runs may fit at most, as far as they must lack something."""
        lacking = [c.field for c in conditions if _is_lack(c)]
        if not lacking:
            return SOME + 1
        everything = self._count([select_all(self._scope, tuple(LifecycleStage))], _ALL)
        having = [select(self._scope, [Comparison(f, Operator.IS_NOT_NULL)]) for f in lacking]
        return everything - max(self._count([each], _ALL) for each in having)

    def _union(self, selects: Iterable[Sql]) -> set[int]:
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
            return min(known, key=lambda each: self._count(each, SOME), default=None)
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
            if found is not None and len(found) <= SORTED:
                probed = [each for group in waiting for each in group]
                return fitting(self._scope, found, probed)
            found = self._reduce(found, waiting.pop(0))
        return set() if found is None else found

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

    def _shown(self, rows: set[int]) -> set[int]:
        """Return those of ``rows`` whose lifecycle stage is looked at."""
        hidden = self._scope.hidden_stages
        if not hidden:
            return rows
        return rows - self._scope.run_ids(select_all(self._scope, hidden))


_ALL = 1 << 60


def _is_lack(condition: Condition) -> TypeGuard[Comparison | Tie]:
    """Whether a condition holds for the runs without something that an index lists."""
    if isinstance(condition, Tie):
        return condition.state is State.MISSING and condition.field.kind is not Kind.ATTRIBUTE
    return isinstance(condition, Comparison) and not is_positive(condition)


def _head(by: OrderBy, value: float | str | None) -> float | str | None:
    """Return what of a value stands in the index."""
    whole = by.field.kind not in (Kind.PARAM, Kind.TAG)
    return value if whole or not isinstance(value, str) else value[:HEAD]


def _may_be(field: Field, state: State, conditions: Iterable[Condition]) -> bool:
    """Whether a run that fits can be without a number (NAN) or anything (MISSING) in a field."""
    if state is State.NAN and field.kind is not Kind.METRIC:
        return False
    if field.kind is Kind.ATTRIBUTE and field.key != "end_time":
        return False
    compared = [c for c in conditions if isinstance(c, Comparison) and c.field == field]
    if state is State.MISSING:
        return not any(map(is_positive, compared))
    return all(c.operator in (Operator.NE, Operator.IS_NOT_NULL) for c in compared)


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
