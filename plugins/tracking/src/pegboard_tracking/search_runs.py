"""The planner of run searches: which index leads to the runs of a page soonest.

SQLite's own planner does not know how many runs a condition fits. Here, in turn:

1. If a condition fits few runs, which a bounded count tells, these are looked at one by one.
2. Else the runs are read in the wanted order, from its index, and each is probed. That soon fills a
   page if many runs match, and is given up after a number of runs.
3. Else the sets of the runs that the conditions fit are read from their indexes and combined. What
   is left is sorted if it is little; else runs are read in order and looked up in the set.

An order by several fields is followed field by field: runs that tie in the first field are a search
of their own, by the other fields, with the tie as one more condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

from pegboard.filters import And, Comparison, Expr, Kind, Not, Operator, Or, OrderBy
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
from pegboard_tracking.search_keys import ranked, unique_prefix
from pegboard_tracking.search_scope import Scope, Sql
from pegboard_tracking.search_streams import Stream
from pegboard_tracking.search_tokens import Key, is_nan

FEW = 300
"""So many runs are looked at one by one rather than through another index."""

SORTED = 2_000
"""So many runs are sorted rather than read in order."""

TIES = 1_000
"""So many runs that tie in a field are sorted by the other fields."""

STEPS = 1_000
"""So many runs, and ten for each wanted one, are probed before another plan is made."""


class _TooFar(Exception):  # noqa: N818 (no error: a plan is given up)
    """So many runs were read in order that another plan is likely to be faster."""


@frozen
class Query:
    """The runs that are looked for: those that fit all conditions and are among ``members``.

    ``members`` are of a lifecycle stage that is looked at; None: any runs.
    """

    conditions: tuple[Condition, ...] = ()
    members: frozenset[int] | None = None

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
        if query.members is not None and len(query.members) <= SORTED:
            return self._rank(query.members, query, order, need, after)
        few = self._few(query.conditions)
        if few is not None:
            return self._rank(few, query, order, need, after)
        budget = None if not query.conditions else STEPS + 10 * need
        try:
            return self._walk(query, order, need, after, budget)
        except _TooFar:
            pass
        members = self._all(query.conditions)
        members = self._shown(members) if query.members is None else members & query.members
        # Whoever is a member fits the conditions.
        query = Query(members=frozenset(members))
        if len(members) <= SORTED:
            return self._rank(members, query, order, need, after)
        return self._walk(query, order, need, after, None)

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
        return ranked(
            self._scope, rows, order, need, conditions=query.conditions, after=after
        )

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
        states = []
        if field.kind is Kind.METRIC and begin is not None or after is None:
            states.append(State.NAN)
        states.append(State.MISSING)
        for state in states:
            if len(found) >= need or not _may_be(field.kind, field.key, state):
                continue
            value = None
            inside = after is not None and (
                is_nan(begin) if state is State.NAN else begin is None
            )
            rest = after[1:] if after is not None and inside else None
            tied = query.with_tie(Tie(field, state, value))
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
            head = after[0][:HEAD] if isinstance(after[0], str) else after[0]
            head = head if order[0].field.kind in (Kind.PARAM, Kind.TAG) else after[0]
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
        members = query.members
        stream = Stream(
            self._scope, order, query.conditions, bound=bound, check_stage=members is None
        )
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
                raise _TooFar
            if fits and (members is None or row in members):
                tie.append(row)
                if len(tie) > TIES and not unique:
                    return self._sort(rows, order, need, tied=tied), key[0]
        rows += tie
        return self._sort(rows, order, need, tied=tied or len(tie) > 1), None

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

    def _few(self, conditions: Sequence[Condition]) -> set[int] | None:
        """Return a few runs among which are all that fit; None if they may be many."""
        best: tuple[int, list[Sql]] | None = None
        for group in _groups(conditions):
            selects = self._leads(group)
            if selects is None:
                continue
            count = self._count(selects, FEW)
            if count <= FEW and (best is None or count < best[0]):
                best = count, selects
        if best is None:
            return None
        found: set[int] = set()
        return found.union(*(self._scope.run_ids(each) for each in best[1]))

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
            return min(known, key=lambda each: self._count(each, FEW), default=None)
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

    def _all(self, conditions: Sequence[Condition]) -> set[int]:
        """Return all runs that fit; perhaps some of lifecycle stages that are not looked at."""
        waiting = sorted(_groups(conditions), key=self._cost)
        found: set[int] | None = None
        while waiting:
            if found is not None and len(found) <= SORTED:
                probed = [each for group in waiting for each in group]
                return set(ranked(self._scope, found, (), len(found), conditions=probed))
            group = waiting.pop(0)
            found = self._reduce(found, group)
        return set() if found is None else found

    def _cost(self, group: Sequence[Condition]) -> tuple[int, int]:
        """Return what sorts conditions: those that leave the least, for the least work, first."""
        first = group[0]
        if isinstance(first, Tie) and first.state is not State.MISSING:
            return 0, self._count([select_tie(self._scope, first)], _MANY)
        if isinstance(first, Comparison) and is_positive(first):
            comparisons = [each for each in group if isinstance(each, Comparison)]
            if any(map(is_indexed, comparisons)):
                return 0, self._count([select(self._scope, comparisons)], _MANY)
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
        if isinstance(condition, Tie) and condition.state is State.MISSING:
            if condition.field.kind is Kind.ATTRIBUTE:
                return None
            having = Comparison(condition.field, Operator.IS_NOT_NULL)
            return self._scope.run_ids(select(self._scope, [having]))
        if isinstance(condition, Comparison) and not is_positive(condition):
            having = Comparison(condition.field, Operator.IS_NOT_NULL)
            return self._scope.run_ids(select(self._scope, [having]))
        return None

    def _fitting(self, group: Sequence[Condition]) -> set[int]:
        first = group[0]
        if isinstance(first, Tie):
            return self._scope.run_ids(select_tie(self._scope, first))
        if isinstance(first, Or):
            empty: set[int] = set()
            return empty.union(*(self._all(conjuncts(item)) for item in first.items))
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


_MANY = 100_000
"""Up to here runs are counted to compare conditions."""


def _may_be(kind: Kind, key: str, state: State) -> bool:
    """Whether a run can be without a number (NAN) or without anything (MISSING) in a field."""
    if state is State.NAN:
        return kind is Kind.METRIC
    return kind is not Kind.ATTRIBUTE or key == "end_time"


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
