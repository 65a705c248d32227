"""Nested runs: which run is below which, by the tag that names the parent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen
from pegboard.tags import PARENT_RUN_ID
from pegboard_stores.filters import OrderBy
from pegboard_stores.run_table.nesting import Links, links

from pegboard_tracking.run_table import order
from pegboard_tracking.run_table.looked import Looked


@frozen
class Row:
    """A run in its place."""

    run: int
    depth: int
    children: int


class Tree:
    """The runs that are shown, below each other."""

    def __init__(self, looked: Looked, sort: OrderBy | None, opened: Iterable[str]) -> None:
        """Look at all that fit and what they are below; ``opened`` runs show their children."""
        self._looked = looked
        self._sort = sort
        self._links = nesting(looked).links
        self._shown = self._with_parents()
        self._opened = self._rows_of(opened) & self._links.children.keys()

    @property
    def is_flat(self) -> bool:
        """Whether no run is below another one."""
        return not self._links.parents

    def parent(self, row: int) -> int | None:
        """Return the run above a run."""
        return self._links.parents.get(row)

    def _with_parents(self) -> AbstractSet[int]:
        members = self._looked.members
        return self._looked.everything() if members is None else self._links.with_parents(members)

    def _rows_of(self, run_ids: Iterable[str]) -> set[int]:
        found = self._looked.connection.execute(
            "SELECT id FROM run WHERE run_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(run_ids)),),
        )
        return {row for (row,) in found}

    def _below(self, row: int) -> list[int]:
        return [each for each in self._links.children.get(row, ()) if each in self._shown]

    def page(self, offset: int, limit: int) -> tuple[list[Row], int]:
        """Return the rows of a page, and how many there are on all pages."""
        roots = self._shown - self._links.parents.keys()
        length = len(roots) + sum(
            len(self._below(row)) for row in self._opened if self._is_in_sight(row)
        )
        ordered = order.first(self._looked, self._sort, roots, offset + limit, "roots")
        found: list[Row] = []
        for number, row in enumerate(self._walk(ordered)):
            if number >= offset + limit:
                break
            if number >= offset:
                found.append(row)
        return found, length

    def _is_in_sight(self, row: int) -> bool:
        """Whether a run is shown, and each one above it is open."""
        if row not in self._shown:
            return False
        above = self._links.parents.get(row)
        while above is not None:
            if above not in self._opened:
                return False
            above = self._links.parents.get(above)
        return True

    def _walk(self, roots: Sequence[int]) -> Iterator[Row]:
        waiting = [iter(roots)]
        while waiting:
            row = next(waiting[-1], None)
            if row is None:
                waiting.pop()
                continue
            below = self._below(row)
            yield Row(row, len(waiting) - 1, len(below))
            if row in self._opened and below:
                waiting.append(iter(order.few(self._looked, self._sort, below)))


@frozen
class Nesting:
    """Who is below whom, and what that was read from."""

    links: Links[int]
    named: Mapping[int, str]
    """The id that each run names as its parent's, whether there is one."""
    visible: AbstractSet[int]


def nesting(looked: Looked) -> Nesting:
    """Return which run is below which among the runs in view."""

    def renew(old: Nesting, revision: int) -> Nesting | None:
        return old if _is_same(looked, old, looked.changed_rows(revision)) else None

    return looked.kept(("nesting", looked.place), lambda: _nesting(looked), renew=renew)


def _is_same(looked: Looked, old: Nesting, changed: Sequence[int] | None) -> bool:
    """Whether the changed runs are in view as before, below the same parents."""
    if changed is None or not old.visible >= set(changed) == looked.seen(changed):
        return False
    name = looked.scope.name(PARENT_RUN_ID)
    now = looked.connection.execute(
        "SELECT v.run, v.value FROM json_each(?) j CROSS JOIN tag v"
        " ON v.run = j.value AND v.name = ?",
        (json.dumps(changed), name),
    )
    return dict(now) == {row: old.named[row] for row in changed if row in old.named}


def _nesting(looked: Looked) -> Nesting:
    scope, name, visible = looked.scope, looked.scope.name(PARENT_RUN_ID), looked.everything()
    if name is None or not scope.experiments:
        return Nesting(links({}), {}, visible)
    inside = scope.in_experiments("v.experiment")
    below = {
        run_id: json.loads(rows)
        for run_id, rows in looked.connection.execute(
            "SELECT v.value, json_group_array(v.run) FROM tag v INDEXED BY tag_by_value"  # noqa: S608
            f" WHERE {inside.text} AND v.name = ? GROUP BY v.value",
            (*inside.values, name),
        )
    }
    parents = looked.connection.execute(
        "SELECT run_id, id FROM run WHERE run_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(below)),),
    )
    children = {
        row: [each for each in below[run_id] if each in visible]
        for run_id, row in parents
        if row in visible
    }
    named = {row: run_id for run_id, rows in below.items() for row in rows}
    return Nesting(links(children), named, visible)
