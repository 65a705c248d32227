"""What a search looks at, and pieces of SQL with their bound values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen
from pegboard.entities import LifecycleStage, ViewType
from pegboard_stores import cancellation
from pegboard_stores.sql.pieces import Sql, among, any_of

from pegboard_tracking.points.overlay import Overlaid

if TYPE_CHECKING:
    from pegboard_tracking.traces.candidates import Candidates


@frozen
class Scope:
    """The experiments and the lifecycle stages that a search looks at."""

    connection: sqlite3.Connection
    experiments: Sequence[int]
    stages: tuple[str, ...]
    candidates: list[Candidates] = field(factory=list)
    """What conditions on texts of traces speak of, by number."""
    _names: dict[str, int | None] = field(factory=dict)

    @classmethod
    def of(
        cls, connection: sqlite3.Connection, experiments: Sequence[int], view: ViewType
    ) -> Scope:
        """Return the scope for experiments' rows and a view."""
        return cls(connection, tuple(dict.fromkeys(experiments)), stages(view))

    @property
    def hidden_stages(self) -> tuple[str, ...]:
        """The lifecycle stages that are not in view."""
        return tuple(stage for stage in LifecycleStage if stage not in self.stages)

    def name(self, key: str) -> int | None:
        """Return the number of a metric's, param's or tag's name; None if nothing is named so."""
        if key not in self._names:
            finding = "SELECT id FROM name WHERE text = ?"
            found = self.connection.execute(finding, (key,)).fetchone()
            self._names[key] = None if found is None else found[0]
        return self._names[key]

    def indexed(self, table: str, index: str) -> str:
        """Return what lets a table be read by an index: nothing if a view stands in its place."""
        hidden = table == "series" and isinstance(self.connection, Overlaid)
        return "" if hidden else f"INDEXED BY {index}"

    def in_experiments(self, column: str) -> Sql:
        """Return the condition that ``column`` is one of the experiments."""
        if len(self.experiments) == 1:
            return Sql(f"{column} = ?", (self.experiments[0],))
        return among(column, self.experiments)

    def in_stages(self, column: str) -> Sql:
        """Return the condition that ``column`` is one of the lifecycle stages."""
        return any_of(column, self.stages)

    def run_ids(self, select: Sql) -> set[int]:
        """Return the numbers of the runs that a SELECT of one column finds.

        As one JSON text they come in a third of the time that rows take.
        """
        cancellation.check()
        text = f"SELECT json_group_array(id) FROM ({select.text})"  # noqa: S608
        return set(json.loads(self.connection.execute(text, select.values).fetchone()[0]))


def stages(view: ViewType) -> tuple[str, ...]:
    """Return the lifecycle stages that a view shows."""
    return tuple(str(stage) for stage in LifecycleStage if view.shows(stage))
