"""``runs/histogram``: how the values of columns are spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from attrs import frozen
from pegboard_stores.run_table import Histogram, RunScope, column_name, parse_column
from pegboard_stores.run_table.bounds import MOST_BINS
from pegboard_wire.http import Call, Permission, Result
from pegboard_wire.shapes import TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data.answers import json_answer
from pegboard_ui.data.run_tables import VIEWS, of_call
from pegboard_ui.data.table import View, pointing


@frozen
class Wanted:
    """What ``runs/histogram`` is asked for; ``keys``: how many keys runs have, as well."""

    experiment_ids: Annotated[list[str], AtMost(1000)]
    columns: Annotated[list[str], AtMost(50)]
    q: Annotated[str, AtMost(20_000)] = ""
    bins: Annotated[int, Between(1, MOST_BINS)] = 20
    view: View = View.ACTIVE
    keys: bool = False


def histogram(call: Call, wanted: Wanted) -> Result:
    """Answer with a histogram of each column."""
    columns = [parse_column(each) for each in wanted.columns]
    scope = RunScope(tuple(wanted.experiment_ids), wanted.q, VIEWS[wanted.view])
    runs = of_call(call)
    found = runs.histograms(scope, columns, bins=wanted.bins)
    told: dict[str, Any] = {"columns": {column_name(each): _json(of) for each, of in found.items()}}
    if wanted.keys:
        told["keys"] = runs.keys(scope, limit=1).total
    return json_answer(call, told)


def _json(of: Histogram) -> Mapping[str, Any]:
    counts = list(of.counts)
    if of.edges is None:
        return {"kind": "text", "values": list(of.values), "counts": counts, "other": of.other}
    edges = list(of.edges)
    return {
        "kind": "number",
        "edges": edges,
        "counts": counts,
        "nan": of.nan,
        "infinite": of.infinite,
    }


_COUNT = {"type": "integer"}

ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/runs/histogram",
        pointing(histogram),
        Permission.READ,
        "Return how the values of columns are spread among the runs that fit.",
        Wanted,
        record(
            "columns",
            columns=mapping(
                record(
                    "kind",
                    "counts",
                    kind=TEXT,
                    counts=array(_COUNT),
                    edges=array({"type": "number"}),
                    nan=_COUNT,
                    infinite=_COUNT,
                    values=array(TEXT),
                    other=_COUNT,
                )
            ),
            keys=_COUNT,
        ),
        tags=("Pages",),
    )
]
