"""The planner of run searches: which index leads to the runs of a page soonest.

SQLite's own planner does not know how many runs a condition fits. Here, in turn: 1. If a condition
fits few runs, as a bounded count shows, these are checked one by one.
2. Else, if every condition fits many, the runs are read in the wanted order, from its index, and
   each is probed. That soon fills a page if many runs match, and is given up after a while.
3. Else the sets of the runs that the conditions fit are read from their indexes and combined. What
   is left is sorted if it is little; else runs are read in order and looked up in the set.

An order by several fields is followed field by field: runs that tie in the first field are a search
of their own, by the other fields, with the tie as one more condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from attrs import evolve, frozen
from pegboard_stores.filters import Comparison, Field, Kind, Operator, OrderBy
from pegboard_stores.search_tokens import Key, is_nan
from pegboard_stores.sql.texts import HEAD

from pegboard_tracking.search.conditions import Condition, State, Tie, is_positive, select_tie
from pegboard_tracking.search.keys import keys, ranked, unique_prefix
from pegboard_tracking.search.scope import Scope
from pegboard_tracking.search.sets import Limits, Sets
from pegboard_tracking.search.streams import Stream


class _TooFar(Exception):
    """So many runs were read in order that another plan is likely to be faster."""


@frozen
class Query:
    """The runs that are looked for: those that fit all conditions and are among ``members``.

    ``members`` are in a lifecycle stage in view; None: any runs. All of them are known to fit the
    conditions ``known``, which bound their place in an order.
    """

    conditions: tuple[Condition, ...] = ()
    members: AbstractSet[int] | None = None
    known: tuple[Condition, ...] = ()

    def with_tie(self, tie: Tie) -> Query:
        """Return the query for those that are also part of a tie."""
        return evolve(self, conditions=(*self.conditions, tie))


class Planner:
    """Finds runs in a scope."""

    def __init__(self, scope: Scope, limits: Limits) -> None:
        self._scope = scope
        self._limits = limits
        self._sets = Sets(scope, limits)

    def page(
        self, query: Query, order: Sequence[OrderBy], need: int, after: Key | None
    ) -> list[int]:
        """Return the rows of the first ``need`` runs behind the key ``after``."""
        if query.members is None and query.conditions:
            best, selects = self._sets.best(query.conditions)
            if selects and best <= self._limits.few:
                return self._rank(self._sets.union(selects), query, order, need, after)
            lacking = self._sets.may_lack(query.conditions)
            if not lacking:
                return []
            if min(best, lacking) > self._limits.some:
                try:
                    return self._walk(query, order, need, after, self._limits.steps + 5 * need)
                except _TooFar:
                    pass
        if query.conditions:
            query = self._resolved(query)
        if query.members is not None and len(query.members) <= self._limits.sorted:
            return self._rank(query.members, query, order, need, after)
        return self._walk(query, order, need, after, None)

    def _resolved(self, query: Query) -> Query:
        """Return the query by the set of the runs that fit its conditions."""
        members = self._sets.of(query.conditions, query.members)
        return Query((), members, (*query.known, *query.conditions))

    def _rank(
        self,
        rows: Iterable[int],
        query: Query,
        order: Sequence[OrderBy],
        need: int,
        after: Key | None,
    ) -> list[int]:
        if query.members is not None:
            rows = query.members & set(rows)
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
                if len(tie) > self._limits.ties and not unique:
                    return self._sort(rows, order, need, tied=tied), key[0]
        rows += tie
        return self._sort(rows, order, need, tied=tied or len(tie) > 1), None

    def _gather_members(
        self, stream: Stream, members: AbstractSet[int], order: Sequence[OrderBy], need: int
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
