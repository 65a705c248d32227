"""``runs/keys``: which metrics, params and tags runs have."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from attrs import frozen
from pegboard.errors import InvalidValue
from pegboard_stores.filters import Kind
from pegboard_stores.run_table import RunScope, column_name
from pegboard_stores.run_table.bounds import MOST_KEYS
from pegboard_wire.http import Call, Permission, Result
from pegboard_wire.shapes import TEXT, array, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data.answers import json_answer
from pegboard_ui.data.run_tables import VIEWS, of_call
from pegboard_ui.data.table import View, pointing

_KINDS = {"metrics": Kind.METRIC, "params": Kind.PARAM, "tags": Kind.TAG}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class KeyKind(StrEnum):
    """Which kind of keys; all without."""

    METRICS = "metrics"
    PARAMS = "params"
    TAGS = "tags"
    ALL = ""


@frozen
class Wanted:
    """What ``runs/keys`` is asked for: ``q`` is a part of the key, or ``/a pattern/``."""

    experiment_ids: Annotated[list[str], AtMost(1000)]
    q: Annotated[str, AtMost(1000)] = ""
    kind: KeyKind = KeyKind.ALL
    limit: Annotated[int, Between(1, MOST_KEYS)] = 200
    offset: Annotated[int, Between(0, 10**9)] = 0
    view: View = View.ACTIVE


def keys(call: Call, wanted: Wanted) -> Result:
    """Answer with a page of keys."""
    is_pattern = len(wanted.q) > 1 and wanted.q.startswith("/") and wanted.q.endswith("/")
    if wanted.q == "//":
        raise InvalidValue("There is no regular expression between the slashes.")
    found = of_call(call).keys(
        RunScope(tuple(wanted.experiment_ids), view=VIEWS[wanted.view]),
        kinds=[_KINDS[wanted.kind]] if wanted.kind else [],
        contains="" if is_pattern else wanted.q,
        pattern=wanted.q[1:-1] if is_pattern else "",
        offset=wanted.offset,
        limit=wanted.limit,
    )
    told = [
        {
            "column": column_name(each.column),
            "kind": _NAMES[each.column.kind],
            "runs": each.runs,
            "distinct": each.distinct,
            "min": each.min,
            "max": each.max,
        }
        for each in found.keys
    ]
    return json_answer(call, {"total": found.total, "keys": told})


_COUNT = {"type": "integer"}
_END = {"type": ["number", "null"]}

ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/runs/keys",
        pointing(keys),
        Permission.READ,
        "Return the metrics, params and tags that runs have, with counts and ranges.",
        Wanted,
        record(
            "total",
            "keys",
            total=_COUNT,
            keys=array(
                record(column=TEXT, kind=TEXT, runs=_COUNT, distinct=_COUNT, min=_END, max=_END)
            ),
        ),
        tags=("Pages",),
    )
]
