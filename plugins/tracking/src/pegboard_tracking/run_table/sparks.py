"""The course of a metric in a few numbers, for many runs at once."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from pegboard_stores import cancellation

from pegboard_tracking.points.series import Columns
from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.tables.summaries import CHUNK_BITS

POINTS = 32
_CHUNKS = 4
"""Of a longer series only this many parts are read, spread evenly."""


def of_runs(looked: Looked, rows: Sequence[int], key: str) -> dict[str, list[float]]:
    """Return up to 32 finite values of a metric in the order of steps, by the ids of runs."""
    name = looked.scope.name(key)
    found: dict[str, list[float]] = {}
    for run_id, series, chunks in looked.connection.execute(
        "SELECT r.run_id, v.id, v.chunks FROM json_each(?) j CROSS JOIN series v"
        " ON v.run = j.value AND v.name = ? CROSS JOIN run r ON r.id = j.value",
        (json.dumps(rows), name),
    ).fetchall():
        cancellation.check()
        found[run_id] = _spark(looked, series, chunks)
    return found


def _spark(looked: Looked, series: int, chunks: int) -> list[float]:
    base = series << CHUNK_BITS
    wanted = sorted({base + each for each in _evenly(chunks, _CHUNKS)})
    points: list[tuple[int, float]] = []
    for (data,) in looked.connection.execute(
        "SELECT data FROM chunk WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(wanted),),
    ):
        columns = Columns.of(data)
        each = max(1, POINTS // len(wanted))
        for place in _evenly(len(columns.steps), each):
            points.append((columns.steps[place], columns.values[place]))
    points.sort(key=lambda point: point[0])
    return [value for _, value in points if math.isfinite(value)]


def _evenly(count: int, most: int) -> list[int]:
    """Return up to ``most`` of the numbers below ``count``, the first and the last among them."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [count - 1]
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]
