"""Points of one metric as JSON in columns, both ways."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from pegboard.contracts.tracking import MetricColumns
from pegboard.errors import InvalidValue
from pegboard_wire import scalars
from pegboard_wire.scalars import get, items, string


def columns_json(columns: MetricColumns) -> dict[str, Any]:
    """Return points, and the token of the next ones."""
    values: Iterable[float | str] = columns.values
    if not math.isfinite(sum(columns.values)):
        values = map(scalars.number_json, columns.values)
    made: dict[str, Any] = {
        "steps": list(columns.steps),
        "timestamps": list(columns.timestamps),
        "values": list(values),
    }
    if columns.token:
        made["next_page_token"] = columns.token
    return made


def read_columns(fields: Mapping[str, Any]) -> MetricColumns:
    """Read points, and the token of the next ones."""
    given = {name: items(get(fields, name), name) for name in ("steps", "timestamps", "values")}
    if len({len(column) for column in given.values()}) != 1:
        raise InvalidValue("The columns of a history differ in length.")
    token = get(fields, "next_page_token")
    return MetricColumns(
        array("q", [scalars.integer(each, "steps") for each in given["steps"]]),
        array("q", [scalars.integer(each, "timestamps") for each in given["timestamps"]]),
        array("d", [scalars.double(each, "values") for each in given["values"]]),
        None if token is None else string(token, "next_page_token") or None,
    )
