"""``evaluations/compare``: two evaluations side by side, for pages and scripts without Python."""

from __future__ import annotations

from typing import Annotated, Any

from attrs import frozen
from pegboard.errors import InvalidValue, NotFound, command_line
from pegboard_stores.evaluations import ROWS, Rows
from pegboard_wire import places
from pegboard_wire.http import Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import INT64, mapping, record
from pegboard_wire.typed import AtMost, typed

MOST_BYTES = 64 << 20
"""How many bytes of rows are read at the most."""


@frozen
class CompareRequest:
    """Which runs, by their ids, and by which columns rows are compared apart."""

    before: Annotated[str, AtMost(64)]
    after: Annotated[str, AtMost(64)]
    by: Annotated[tuple[str, ...], AtMost(10)] = ()


def compare(call: Call, wanted: CompareRequest) -> dict[str, Any]:
    """Return what ``pegboard eval compare --json`` prints."""
    from pegboard_evaluation import comparing

    rows = [_rows(call, each) for each in (wanted.before, wanted.after)]
    return comparing.compare(*rows, by=wanted.by).plain()


def _rows(call: Call, run_id: str) -> Rows:
    place = places.place_of(call, store_of(call).get_run(run_id).info.artifact_uri)
    try:
        with place.store.read(place.path(ROWS), end=MOST_BYTES + 1) as stream:
            content = stream.read()
    except NotFound:
        raise InvalidValue(
            f"The evaluation {run_id} keeps no rows.",
            hint="Tables of more than 10,000 rows are not kept, unless evaluator_config says so: "
            "{'keep_rows': 1000000}. Was it evaluated with pegboard?",
        ) from None
    if len(content) > MOST_BYTES:
        raise InvalidValue(
            f"The rows of {run_id} are more than {MOST_BYTES >> 20} MiB.",
            hint="Compare them where the files are: "
            f"{command_line('pegboard', 'eval', 'compare', 'BEFORE', 'AFTER')}",
        )
    return Rows.read(content)


_METRICS = mapping({"type": "object"})

ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/evaluations/compare",
        compare,
        Permission.READ,
        "Compare two evaluations row by row: rows won and lost, and intervals of the difference.",
        CompareRequest,
        record(metrics=_METRICS, slices=mapping(_METRICS), only_before=INT64, only_after=INT64),
        tags=("Evaluations",),
    )
]
