"""``runs/values``: the values of a column, for completion."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen
from pegboard_stores.run_table import RunScope, parse_column
from pegboard_wire.http import Call, Permission, Result
from pegboard_wire.shapes import array, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data.answers import json_answer
from pegboard_ui.data.run_tables import VIEWS, of_call
from pegboard_ui.data.table import View, value_json


@frozen
class Wanted:
    """What ``runs/values`` is asked for: ``q`` is a part of the value, in any case of letters."""

    experiment_ids: Annotated[list[str], AtMost(1000)]
    column: Annotated[str, AtMost(300)]
    q: Annotated[str, AtMost(1000)] = ""
    limit: Annotated[int, Between(1, 1000)] = 50
    view: View = View.ACTIVE


def values(call: Call, wanted: Wanted) -> Result:
    """Answer with the most frequent values."""
    found = of_call(call).values(
        RunScope(tuple(wanted.experiment_ids), view=VIEWS[wanted.view]),
        parse_column(wanted.column),
        contains=wanted.q,
        limit=wanted.limit,
    )
    told = [{"value": value_json(each.value), "runs": each.runs} for each in found]
    return json_answer(call, {"values": told})


ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/runs/values",
        values,
        Permission.READ,
        "Return the values of a column, the most frequent first.",
        Wanted,
        record(
            "values",
            values=array(record(value={"type": ["number", "string"]}, runs={"type": "integer"})),
        ),
        tags=("Pages",),
    )
]
