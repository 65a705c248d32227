"""The runs that a table looks at: which there are, and which fit."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import TypeVar

from pegboard.entities import ViewType
from pegboard_stores import cancellation
from pegboard_stores.filters import Comparison, Expr, Field, Kind, Operator
from pegboard_stores.run_table import RunScope, words
from pegboard_stores.run_table.contract import Within
from pegboard_stores.sql.pieces import ALWAYS, Sql

from pegboard_tracking.run_table.kept import Memory
from pegboard_tracking.search.conditions import TABLES, Condition, State, Tie, select_all
from pegboard_tracking.search.keys import fitting
from pegboard_tracking.search.scope import Scope
from pegboard_tracking.search.sets import Limits, Sets, conjuncts
from pegboard_tracking.tables import changes, experiments

T = TypeVar("T")

_FEW = 2_000
"""Up to this many changed runs are read again, rather than all runs."""
_PATIENCE = 1_000.0
_MANY = 5_000
"""With this many runs, counts may be of a state a moment ago."""


class Looked:
    """The runs of a scope, in one state of the store."""

    def __init__(
        self, connection: sqlite3.Connection, wanted: RunScope, memory: Memory, revision: int
    ) -> None:
        """``revision`` is that of the state."""
        self.connection = connection
        self.revision = revision
        self._memory = memory
        self._wanted = wanted
        rows = (experiments.row_of(each) for each in wanted.experiment_ids)
        self.scope = Scope.of(connection, [row for row in rows if row >= 0], wanted.view)

    @property
    def text(self) -> str:
        """The filter, or plain words."""
        return self._wanted.q

    @property
    def key(self) -> Hashable:
        """What tells the runs that fit from others."""
        return (*self.place, self._wanted.q, self._wanted.within)

    @property
    def place(self) -> tuple[tuple[int, ...], ViewType]:
        """The conditions by which runs are in view."""
        return tuple(self.scope.experiments), self._wanted.view

    @cached_property
    def expression(self) -> Expr | None:
        """What runs are to fit; FilterError."""
        if not self._wanted.q.strip():
            return None
        return words.expression(self._wanted.q, self._tags())

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What runs are to fit, all of it."""
        found: tuple[Condition, ...] = conjuncts(self.expression)
        within = self._wanted.within
        return found if within is None else (*found, _within(within))

    @cached_property
    def members(self) -> AbstractSet[int] | None:
        """The rows of the runs that fit; None: all runs in view."""
        if not self.conditions:
            return None
        return self.kept(("members", self.key), self._members, renew=self._renewed_members)

    def _members(self) -> set[int]:
        return Sets(self.scope, Limits()).of(self.conditions) if self.scope.experiments else set()

    def _renewed_members(self, old: set[int], revision: int) -> set[int] | None:
        changed = self.changed_rows(revision)
        if changed is None:
            return None
        return old.difference(changed) | fitting(self.scope, changed, self.conditions)

    def changed_rows(self, revision: int) -> list[int] | None:
        """Return the rows of the runs that were changed after a revision, whatever runs these are.

        None if they are too many or not known.
        """
        if revision < 0 or self.revision < 0:
            return None
        return changes.rows_since(self.connection, revision, _FEW)

    def seen(self, rows: Sequence[int]) -> set[int]:
        """Return those of the given rows that are in view."""
        return fitting(self.scope, rows, ())

    def everything(self) -> set[int]:
        """Return the rows of all runs in view."""
        return self.kept(
            ("everything", self.place),
            lambda: self.scope.run_ids(select_all(self.scope)),
            renew=self._renewed_everything,
        )

    def _renewed_everything(self, old: set[int], revision: int) -> set[int] | None:
        changed = self.changed_rows(revision)
        return None if changed is None else old.difference(changed) | self.seen(changed)

    def kept(
        self,
        key: Hashable,
        make: Callable[[], T],
        *,
        patience: float = 0.0,
        renew: Callable[[T, int], T | None] | None = None,
    ) -> T:
        """Return what ``make`` returns, perhaps what it did for the same key before.

        ``renew`` and ``patience`` are those of ``Kept``; the latter is for many runs alone.
        """
        patience = patience and self._patience(patience)
        answers = self._memory.answers
        return answers.get(key, self.revision, make, patience=patience, renew=renew)

    def _patience(self, wanted: float) -> float:
        return wanted if self.total > _MANY else 0.0

    def kept_column(
        self, column: Field, make: Callable[[], T], renew: Callable[[T, int], T | None]
    ) -> T:
        """Return the values of a column, perhaps those of before with what has changed since."""
        columns = self._memory.columns
        return columns.get((self.place, column), self.revision, make, renew=renew)

    def kept_of_key(self, column: Field, make: Callable[[], T]) -> T:
        """Return what ``make`` counts of all runs that have a key, perhaps a while ago."""
        key = (self.place, column)
        patience = self._patience(_PATIENCE)
        return self._memory.keys.get(key, self.revision, make, patience=patience)

    def rows(self, select: Sql) -> list[int]:
        """Return the numbers of the column ``id`` of a SELECT, in its order."""
        cancellation.check()
        text = f"SELECT json_group_array(id) FROM ({select.text})"  # noqa: S608
        found: list[int] = json.loads(self.connection.execute(text, select.values).fetchone()[0])
        return found

    @cached_property
    def total(self) -> int:
        """How many runs are in view."""
        return self.kept(("total", self.place), lambda: self._count(self.scope.stages))

    @cached_property
    def matched(self) -> int:
        """How many of them fit."""
        return self.total if self.members is None else len(self.members)

    @cached_property
    def live(self) -> int:
        """How many of them are RUNNING, whether they fit or not."""
        inside, shown = self.scope.in_experiments("experiment"), self.scope.in_stages("lifecycle")
        return self._one(
            Sql(
                "SELECT count(*) FROM run INDEXED BY run_by_status"  # noqa: S608
                f" WHERE {inside.text} AND {shown.text} AND status = 'RUNNING'",
                (*inside.values, *shown.values),
            )
        )

    @cached_property
    def hidden_runs(self) -> int:
        """How many runs of the experiments are in a stage that is not in view."""
        stages = self.scope.hidden_stages
        if not stages:
            return 0
        return self.kept(("hidden", self.place), lambda: self._count(stages))

    @cached_property
    def hidden(self) -> Sql:
        """The condition that ``v.run`` is in a stage in view."""
        if not self.hidden_runs:
            return ALWAYS
        hidden = self.scope.run_ids(select_all(self.scope, self.scope.hidden_stages))
        return Sql("v.run NOT IN (SELECT value FROM json_each(?))", (json.dumps(list(hidden)),))

    def _count(self, stages: tuple[str, ...]) -> int:
        found = select_all(self.scope, stages)
        return self._one(Sql(f"SELECT count(*) FROM ({found.text})", found.values))  # noqa: S608

    def _one(self, select: Sql) -> int:
        found: int = self.connection.execute(select.text, select.values).fetchone()[0]
        return found

    def names(self, kind: Kind) -> list[int]:
        """Return the numbers of all names that metrics, params or tags of runs have.

        Asks the index for one name after the other: the cost grows with names, not with runs.
        """
        table = TABLES[kind]
        index = self.scope.indexed(table, f"{table}_by_value")
        found: set[int] = set()
        for experiment in self.scope.experiments:
            found.update(
                name
                for (name,) in self.connection.execute(
                    "WITH RECURSIVE n (name) AS"  # noqa: S608
                    f" (SELECT min(name) FROM {table} {index} WHERE experiment = ?1 UNION ALL"
                    f" SELECT (SELECT min(name) FROM {table} {index} WHERE experiment = ?1"
                    " AND name > n.name) FROM n WHERE n.name IS NOT NULL)"
                    " SELECT name FROM n WHERE name IS NOT NULL",
                    (experiment,),
                )
            )
        return sorted(found)

    def texts(self, names: list[int]) -> dict[int, str]:
        """Return the texts of names by their numbers."""
        return dict(
            self.connection.execute(
                "SELECT id, text FROM name WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(names),),
            )
        )

    def _tags(self) -> list[str]:
        return sorted(self.texts(self.names(Kind.TAG)).values())


def _within(within: Within) -> Condition:
    column, value = within.column, within.value
    if value is None:
        return Tie(column, State.MISSING)
    if isinstance(value, float) and math.isnan(value):
        return Tie(column, State.NAN)
    if column.kind is Kind.METRIC:
        return Tie(column, State.VALUE, value)
    return Comparison(column, Operator.EQ, value)
