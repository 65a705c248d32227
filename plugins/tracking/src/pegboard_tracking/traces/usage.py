"""What spans say about language models, in its table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from pegboard.entities.traces import Span
from pegboard_stores.traces.usage import COSTS, Node, Told, sums, told_by


def keep(
    connection: sqlite3.Connection, trace: int, spans: Sequence[Span], *, fresh: bool
) -> dict[str, str]:
    """Note what spans of a trace, which are stored already, say about language models.

    Returns the metadata from all spans of the trace, sums of tokens and costs as JSON; nothing if
    these spans say nothing. Those of a ``fresh`` trace are all that it has.
    """
    last = {span.span_id: span for span in spans}
    told = {
        span_id: found for span_id, span in last.items() if (found := told_by(span)) is not None
    }
    if not fresh:
        # One that comes again may have told something before.
        connection.execute(
            "DELETE FROM llm_call WHERE span IN (SELECT id FROM span WHERE trace = ?"
            " AND span_id IN (SELECT value FROM json_each(?)))",
            (trace, json.dumps([span_id for span_id in last if span_id not in told])),
        )
    if not told:
        return {}
    connection.executemany(
        "INSERT OR REPLACE INTO llm_call SELECT id, ?, ?, ?, ?, ?, ? FROM span"
        " WHERE trace = ? AND span_id = ?",
        [
            (
                found.model,
                found.provider,
                *(found.costs.get(name) for name in COSTS),
                json.dumps(found.usage) if found.usage else None,
                trace,
                span_id,
            )
            for span_id, found in told.items()
        ],
    )
    if not fresh:
        return sums(_stored(connection, trace))
    return sums([(span_id, span.parent_id, told.get(span_id)) for span_id, span in last.items()])


def _stored(connection: sqlite3.Connection, trace: int) -> list[Node]:
    nodes: list[Node] = []
    for span_id, parent_id, told, used, *paid in connection.execute(
        "SELECT s.span_id, s.parent_id, g.span, g.usage, g.input_cost, g.output_cost, g.total_cost"
        " FROM span s LEFT JOIN llm_call g ON g.span = s.id WHERE s.trace = ?",
        (trace,),
    ):
        costs = {name: each for name, each in zip(COSTS, paid, strict=True) if each is not None}
        known = Told(None, None, costs, json.loads(used) if used else {})
        nodes.append((span_id, parent_id, None if told is None else known))
    return nodes
