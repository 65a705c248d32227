"""Endpoints that read the history of metrics."""

from __future__ import annotations

from typing import Any

from pegboard.entities import Metric
from pegboard.errors import InvalidValue, NotFound
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.requests import (
    Fields,
    optional_integer,
    page_size,
    page_token,
    run_id,
    store_of,
    text,
    texts,
)
from pegboard_wire.scalars import get
from pegboard_wire.schemas import at_most, page_limit
from pegboard_wire.sentences import BOUNDED_PAGE
from pegboard_wire.shapes import INT32, INT64, NUMBER, TEXT, array, record

from pegboard_tracking.wire import codec, columns, sentences
from pegboard_tracking.wire.schemas import METRIC, METRIC_OF_RUN

MAX_RUNS = 100
"""For how many runs the history may be asked for at once."""
MAX_POINTS = 25_000
"""How many points of all runs together are returned at the most."""
MAX_SAMPLED = 2_500
"""To how many points the history of a run may be reduced at the most."""

LOGGED = "/api/pegboard/1.0/metrics/history"
"""The path of histories in the order of logging, which MLflow's protocol does not know."""

_BASE = "/api/2.0/mlflow/metrics"


def _history(call: Call) -> Result:
    given = call.parameters
    wanted = None if get(given, "max_results") is None else page_size(given, MAX_POINTS)
    key = text(given, "metric_key")
    found = store_of(call).metric_columns(
        run_id(given), key, by_time=True, max_results=wanted, page_token=page_token(given)
    )
    return page_json("metrics", codec.metrics_json(key, found), found.token)


def _logged(call: Call) -> Result:
    given = call.parameters
    wanted = page_size(given, MAX_POINTS)
    found = store_of(call).metric_columns(
        run_id(given),
        text(given, "metric_key"),
        max_results=wanted,
        page_token=page_token(given),
    )
    return columns.columns_json(found)


def _bulk(call: Call) -> Result:
    given = call.parameters
    runs = _runs(given, "run_id")
    key = text(given, "metric_key")
    wanted = optional_integer(given, "max_results")
    left = MAX_POINTS if wanted is None else min(wanted, MAX_POINTS)
    if left < 0:
        raise InvalidValue(f"The field 'max_results' is {left}, below 0.").about(
            "page_size_not_positive", value=left, wanted=left, limit=MAX_POINTS
        )
    store = store_of(call)
    points: list[dict[str, Any]] = []
    for run in sorted(runs):
        if len(points) >= left:
            break
        try:
            found = store.metric_columns(run, key, by_time=True, max_results=left - len(points))
        except NotFound:
            # A chart of many runs is not refused because one of them is gone.
            continue
        points += [{**point, "run_id": run} for point in codec.metrics_json(key, found)]
    return {"metrics": points}


def _sampled(call: Call) -> Result:
    given = call.parameters
    runs = _runs(given, "run_ids")
    key = text(given, "metric_key")
    first, last = optional_integer(given, "start_step", 32), optional_integer(given, "end_step", 32)
    if (first is None) != (last is None):
        raise InvalidValue(
            "The fields 'start_step' and 'end_step' are given together, or not."
        ).about("half_range")
    if first is not None and last is not None and first > last:
        raise InvalidValue(f"The field 'start_step' is {first}, beyond 'end_step', {last}.").about(
            "inverted_range", first=first, last=last
        )
    wanted = page_size(given, MAX_SAMPLED, MAX_SAMPLED)
    store = store_of(call)
    return {
        "metrics": [
            _of_run(point, run)
            for run in runs
            for point in store.sampled_history(run, key, wanted, start_step=first, end_step=last)
        ]
    }


def _runs(given: Fields, name: str) -> list[str]:
    runs = texts(given, name, query=True)
    if not 1 <= len(runs) <= MAX_RUNS:
        raise InvalidValue(
            f"The field {name!r} has {len(runs)} items, not from 1 to {MAX_RUNS}."
        ).about("many_items" if runs else "no_items", count=len(runs), limit=MAX_RUNS)
    return list(dict.fromkeys(runs))


def _of_run(point: Metric, run: str) -> dict[str, Any]:
    made = codec.metric_json(point)
    made["run_id"] = run
    return made


ENDPOINTS = [
    Endpoint(
        "GET",
        f"{_BASE}/get-history",
        _history,
        Permission.READ,
        "Return the points of a metric, in the order of time.",
        record(
            "run_id",
            "metric_key",
            run_id=TEXT,
            run_uuid=TEXT,
            metric_key=TEXT,
            page_token=TEXT,
            max_results=page_limit(),
        ),
        record(metrics=array(METRIC), next_page_token=TEXT),
    ),
    Endpoint(
        "GET",
        LOGGED,
        _logged,
        Permission.READ,
        "Return the points of a metric in columns, in the order they were logged.",
        record(
            "run_id",
            "metric_key",
            run_id=TEXT,
            metric_key=TEXT,
            page_token=TEXT,
            max_results=page_limit(),
        ),
        record(
            steps=array(INT64),
            timestamps=array(INT64),
            values=array(NUMBER),
            next_page_token=TEXT,
        ),
    ),
    Endpoint(
        "GET",
        f"{_BASE}/get-history-bulk",
        _bulk,
        Permission.READ,
        "Return the first points of a metric of several runs, run by run.",
        record(
            "run_id",
            "metric_key",
            run_id=at_most(MAX_RUNS, TEXT),
            metric_key=TEXT,
            max_results=page_limit(MAX_POINTS),
        ),
        record(metrics=array(METRIC_OF_RUN)),
        sentences={
            **sentences.many("GetMetricHistoryBulk", "run_id"),
            "missing_field": "GetMetricHistoryBulk request must specify a {field}.",
        },
    ),
    Endpoint(
        "GET",
        f"{_BASE}/get-history-bulk-interval",
        _sampled,
        Permission.READ,
        "Return a metric of several runs, each reduced to points that draw the same curve.",
        record(
            "run_ids",
            "metric_key",
            run_ids=at_most(MAX_RUNS, TEXT),
            metric_key=TEXT,
            start_step=INT32,
            end_step=INT32,
            max_results=page_limit(MAX_SAMPLED),
        ),
        record(metrics=array(METRIC_OF_RUN)),
        sentences={
            "no_items": "Missing value for required parameter 'run_ids'.",
            "many_items": "GetMetricHistoryBulkInterval request must specify at most {limit} "
            "run_ids. Received {count} run_ids.",
            **BOUNDED_PAGE,
        },
    ),
]
