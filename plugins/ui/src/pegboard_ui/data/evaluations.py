"""``evaluations/rows``, ``/row`` and ``/find``: the grid of evaluations.

All rows come at once, with long texts cut, so that the page sorts, filters and pairs them without
asking; whole texts are asked for row by row.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from attrs import frozen
from pegboard.entities import Run
from pegboard.errors import InvalidValue, NotFound, PegboardError
from pegboard_stores.evaluations import is_greater_better
from pegboard_wire import places
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import INT64, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data import cells, evaluation_rows, spans
from pegboard_ui.data.answers import json_answer, number
from pegboard_ui.data.evaluation_rows import Evaluation, Score

CUT = 240
"""How many characters of a text stand in a cell."""
SLICES, COHORTS = "worst_slices.csv", "cohorts.csv"
"""Tables of the evaluator ``cohorts``; a prefix of metrics may stand before."""


@frozen
class RowsRequest:
    """Which run, and which of its tables; "" is its evaluation."""

    run_id: Annotated[str, AtMost(64)]
    table: Annotated[str, AtMost(2048)] = ""


@frozen
class RowRequest:
    """Which row of which run, by its place."""

    run_id: Annotated[str, AtMost(64)]
    row: Annotated[int, Between(0, evaluation_rows.MOST)]
    table: Annotated[str, AtMost(2048)] = ""


@frozen
class FindRequest:
    """Which rows: those that hold a text anywhere, in any case of letters."""

    run_id: Annotated[str, AtMost(64)]
    q: Annotated[str, AtMost(1000)]
    table: Annotated[str, AtMost(2048)] = ""


def rows(call: Call, wanted: RowsRequest) -> Answer:
    """Return all rows of an evaluation, column by column, with long texts cut."""
    run = store_of(call).get_run(wanted.run_id)
    found = evaluation_rows.read(call, run, wanted.table)
    figures = [{key: _finite(value) for key, value in each.items()} for each in found.figures]
    return json_answer(
        call,
        {
            "run": _run(call, run),
            "source": found.source,
            "kind": found.kind,
            "total": found.total,
            "ids": found.ids,
            "traces": found.traces,
            "broken": found.broken,
            "columns": [
                {"name": _short(each.name, CUT), "role": each.role, "values": _cells(each.values)}
                for each in found.columns
            ],
            "scores": [_score(each) for each in found.scores],
            "figures": figures,
            "skipped": found.skipped,
            "tables": evaluation_rows.tables_of(run),
            "slices": _files(call, run.info.artifact_uri),
        },
    )


def _run(call: Call, run: Run) -> dict[str, Any]:
    info = run.info
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "status": str(info.status),
        "experiment_id": info.experiment_id,
        "experiment": store_of(call).get_experiment(info.experiment_id).name,
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "name": _short(score.name, CUT),
        "up": is_greater_better(score.name),
        "values": _cells(score.values),
        "why": _cut(score.why),
        "errors": _cut(score.errors),
    }


def _cells(values: Sequence[Any]) -> list[Any]:
    return [_cell(value, CUT) for value in values]


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return number(value) if isinstance(value, float) else value


def _cut(texts: Mapping[int, str]) -> dict[str, str]:
    return {
        str(row): _short(text, CUT) for row, text in texts.items() if row < evaluation_rows.MOST
    }


def _short(text: str, most: int) -> str:
    shown = text if len(text) <= most else text[:most] + "…"
    # Half a character, which JSON can hold, is no text that can be sent.
    return shown.encode("utf-8", "replace").decode()


def _cell(value: Any, most: int) -> Any:
    """Return a value as a cell shows it: a number, a text, or where a picture is."""
    if isinstance(value, dict) and value.get("type") == "image" and "filepath" in value:
        small = str(value.get("compressed_filepath") or value["filepath"])
        return {"image": small, "whole": str(value["filepath"])}
    made = cells.plain(value)
    return _short(made, most) if isinstance(made, str) else made


def _files(call: Call, location: str) -> dict[str, str]:
    """Return where the tables of slices are, by what they are."""
    try:
        names = [file.path for file in places.place_of(call, location).list("")]
    except PegboardError:
        return {}
    found = {}
    for kind, ending in (("worst", SLICES), ("cohorts", COHORTS)):
        if fitting := [name for name in names if posixpath.basename(name).endswith(ending)]:
            found[kind] = fitting[0]
    return found


def row(call: Call, wanted: RowRequest) -> Answer:
    """Return one row, whole."""
    run = store_of(call).get_run(wanted.run_id)
    found = evaluation_rows.read(call, run, wanted.table)
    at = wanted.row
    if at >= len(found.ids):
        raise NotFound(f"The evaluation has {len(found.ids)} rows, and no row {at}.")
    whole = {each.name: each.values[at] for each in found.columns}
    trace_id = found.traces[at]
    if found.source == "traces" and trace_id:
        told = _of_trace(call, trace_id)
        whole = {name: told.get(name, value) for name, value in whole.items()}
    return json_answer(
        call,
        {
            "id": found.ids[at],
            "trace": trace_id,
            "cells": {_short(name, CUT): _whole(value) for name, value in whole.items()},
            "why": _said(at, {each.name: each.why for each in found.scores}),
            "errors": _said(at, {each.name: each.errors for each in found.scores}),
        },
    )


def _said(at: int, texts: Mapping[str, Mapping[int, str]]) -> dict[str, str]:
    """Return what is said of a row, by score."""
    given = {name: said[at] for name, said in texts.items() if at in said}
    return {_short(name, CUT): _short(text, spans.MOST_VALUE) for name, text in given.items()}


def _of_trace(call: Call, trace_id: str) -> dict[str, Any]:
    """Return what went into a trace and what came out, of which its outline has the beginnings."""
    trace = store_of(call).traces().get(trace_id)
    root = next((each for each in trace.spans if each.parent_id is None), None)
    if root is None:
        return {}
    told = spans.detail(root)
    inputs = told["inputs"]
    return {
        **(inputs if isinstance(inputs, dict) else {}),
        "request": inputs,
        "response": told["outputs"],
    }


def _whole(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "image":
        return _cell(value, CUT)
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, indent=1)
    return _cell(value, spans.MOST_VALUE)


def find(call: Call, wanted: FindRequest) -> Answer:
    """Return the places of the rows that hold a text."""
    run = store_of(call).get_run(wanted.run_id)
    found = evaluation_rows.read(call, run, wanted.table)
    part = wanted.q.strip().casefold()
    if not part:
        raise InvalidValue("The field 'q' is empty: there is nothing to find.")
    return json_answer(
        call, {"rows": [at for at in range(len(found.ids)) if _has(found, at, part)]}
    )


def _has(found: Evaluation, at: int, part: str) -> bool:
    texts = [each.values[at] for each in found.columns]
    texts += [each.values[at] for each in found.scores]
    texts += [each.why.get(at) for each in found.scores]
    texts += [each.errors.get(at) for each in found.scores]
    return any(part in _text(each).casefold() for each in texts if each is not None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_ANY: dict[str, Any] = {}
_OBJECTS = array({"type": "object"})

ENDPOINTS = [
    typed(
        "GET", "/api/pegboard/1.0/evaluations/rows", rows, Permission.READ,
        "The rows of an evaluation with their scores, long texts cut.", RowsRequest,
        record(
            run={"type": "object"}, source=TEXT, kind=TEXT, total=INT64, ids=array(TEXT),
            traces=array({"type": ["string", "null"]}), broken=array(INT64),
            columns=_OBJECTS, scores=_OBJECTS,
            figures=_OBJECTS, skipped=mapping(TEXT), tables=array(TEXT), slices=mapping(TEXT),
        ),
        tags=("Pages",),
    ),
    typed(
        "GET", "/api/pegboard/1.0/evaluations/row", row, Permission.READ,
        "One row of an evaluation, whole.", RowRequest,
        record(id=TEXT, trace={"type": ["string", "null"]}, cells=mapping(_ANY), why=mapping(TEXT),
               errors=mapping(TEXT)),
        tags=("Pages",),
    ),
    typed(
        "GET", "/api/pegboard/1.0/evaluations/find", find, Permission.READ,
        "The rows of an evaluation that hold a text.", FindRequest, record(rows=array(INT64)),
        tags=("Pages",),
    ),
]  # fmt: skip
