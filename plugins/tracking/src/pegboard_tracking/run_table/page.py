"""A page of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pegboard_stores.run_table import TablePage, TableQuery
from pegboard_stores.run_table import choice as choosing

from pegboard_tracking.run_table import cells, choice, order, sparks
from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.run_table.tree import Row, Tree


def page(looked: Looked, query: TableQuery) -> TablePage:
    """Return the rows of a page, and their cells."""
    asked, chosen = choice.columns(looked, query.columns, query.sort)
    tree = Tree(looked, query.sort, query.opened) if query.tree else None
    if tree is None or tree.is_flat:
        tree, length = None, looked.matched
        found = order.first(
            looked, query.sort, looked.members, query.offset + query.limit, "matched"
        )
        rows = [Row(row, 0, 0) for row in found[query.offset :]]
    else:
        rows, length = tree.page(query.offset, query.limit)
    numbers = [row.run for row in rows]
    spark = choosing.spark(query.spark, chosen)
    infos, members = _infos(looked, numbers), looked.members
    return TablePage(
        total=looked.total,
        matched=looked.matched,
        live=looked.live,
        rows=length,
        revision=looked.revision,
        asked=asked,
        chosen=chosen,
        ids=[infos[row][0] for row in numbers],
        names=[infos[row][1] for row in numbers],
        status=[infos[row][2] for row in numbers],
        experiments=[str(infos[row][3]) for row in numbers],
        parents=_parents(looked, tree, numbers),
        depth=[row.depth for row in rows],
        children=[row.children for row in rows],
        dimmed=[members is not None and row not in members for row in numbers],
        columns=cells.of_rows(looked, numbers, chosen),
        sparks=sparks.of_runs(looked, numbers, spark) if spark else {},
    )


def _infos(looked: Looked, rows: Sequence[int]) -> dict[int, tuple[str, str, str, int]]:
    return {
        row: (run_id, name, status, experiment)
        for row, run_id, name, status, experiment in looked.connection.execute(
            "SELECT id, run_id, name, status, experiment FROM run"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(rows),),
        )
    }


def _parents(looked: Looked, tree: Tree | None, rows: Sequence[int]) -> list[str | None]:
    if tree is None:
        return [None] * len(rows)
    above = [tree.parent(row) for row in rows]
    infos = _infos(looked, sorted({row for row in above if row is not None}))
    return [None if row is None else infos[row][0] for row in above]
