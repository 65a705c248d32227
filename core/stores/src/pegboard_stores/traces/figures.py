"""Aggregated figures of traces, spans and assessments: which there are, and what they mean."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.errors import InvalidValue

from pegboard_stores import validation
from pegboard_stores.filters.parser import MAX_COMPARISONS, MAX_ORDERS
from pegboard_stores.trace_figures import AggregationType, MetricViewType, TraceMetricsQuery

TIME_BUCKET = "time_bucket"
"""The dimension that says when the interval of a group begins, in ISO 8601."""

SESSION = "mlflow.trace.session"
"""The metadata that tells which session a trace is of."""

TOKENS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
_MAX_AGGREGATIONS = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNT = frozenset({AggregationType.COUNT})
_SPREAD = frozenset(
    {
        AggregationType.AVG,
        AggregationType.MIN,
        AggregationType.MAX,
        AggregationType.PERCENTILE,
    }
)
_AMOUNT = _SPREAD | {AggregationType.SUM}


@frozen
class Figure:
    """What values can become, and what they can be grouped by."""

    aggregations: frozenset[AggregationType]
    dimensions: tuple[str, ...] = ()


_COST = Figure(_AMOUNT, ("span_model_name", "span_model_provider"))
FIGURES: Mapping[MetricViewType, Mapping[str, Figure]] = {
    MetricViewType.TRACES: {
        "trace_count": Figure(_COUNT, ("trace_name", "trace_status")),
        "session_count": Figure(_COUNT),
        "latency": Figure(_SPREAD, ("trace_name",)),
        **dict.fromkeys(TOKENS, Figure(_AMOUNT, ("trace_name",))),
    },
    MetricViewType.SPANS: {
        "span_count": Figure(
            _COUNT,
            ("span_name", "span_type", "span_status", "span_model_name", "span_model_provider"),
        ),
        "latency": Figure(_SPREAD, ("span_name", "span_status")),
        **dict.fromkeys(("input_cost", "output_cost", "total_cost"), _COST),
    },
    MetricViewType.ASSESSMENTS: {
        "assessment_count": Figure(_COUNT, ("assessment_name", "assessment_value")),
        "assessment_value": Figure(_SPREAD, ("assessment_name",)),
    },
}


def check(query: TraceMetricsQuery) -> None:
    """Refuse a query that nothing can answer; InvalidValue."""
    validation.page_size(query.max_results, SEARCH_LIMIT)
    known = FIGURES[query.view_type]
    if query.metric_name not in known:
        raise _unknown("metric", query.metric_name, known)
    figure = known[query.metric_name]
    if not 1 <= len(query.aggregations) <= _MAX_AGGREGATIONS:
        raise InvalidValue(
            f"{len(query.aggregations)} aggregations were asked for, "
            f"not from 1 to {_MAX_AGGREGATIONS}."
        )
    for each in query.aggregations:
        if each.aggregation_type not in figure.aggregations:
            raise _unknown("aggregation", each.aggregation_type, sorted(figure.aggregations))
    for name in query.dimensions:
        if name not in figure.dimensions:
            raise _unknown("dimension", name, figure.dimensions)
    seconds = query.time_interval_seconds
    if seconds is not None:
        if not 0 < seconds < 1 << 40:
            raise InvalidValue(f"The interval is {seconds} seconds, not positive.")
        if query.start_time_ms is None or query.end_time_ms is None:
            raise InvalidValue("With an interval, the first and the last time are needed too.")
    validation.at_most(len(query.filters), MAX_COMPARISONS, "filters")
    validation.at_most(len(query.dimensions), MAX_ORDERS, "dimensions")


def _unknown(what: str, name: str, known: Mapping[str, Any] | Sequence[str]) -> InvalidValue:
    possible = f"Possible are {', '.join(known)}." if known else "None is possible."
    return InvalidValue(f"There is no {what} {str(name)[:60]!r} here.", hint=possible)


def shown(dimension: str, value: Any) -> str:
    """Return the value of a dimension as it is shown; of TIME_BUCKET it is given in ms."""
    if dimension == TIME_BUCKET:
        try:
            return (_EPOCH + timedelta(milliseconds=value)).isoformat()
        except OverflowError:
            return str(value)
    if dimension == "assessment_value":
        # As MLflow writes JSON, with its spaces and escapes.
        return json.dumps(json.loads(value))
    return str(value)


def percentile(values: Iterable[float], percent: float) -> float | None:
    """Return a percentile, between two values interpolated linearly; None of no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = percent / 100 * (len(ordered) - 1)
    below = math.floor(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low + (place - below) * (high - low)


def number_of(value: Any) -> float | None:
    """Return the number that the value of an assessment counts as, if any."""
    if isinstance(value, str):
        return {"yes": 1.0, "no": 0.0}.get(value.lower())
    if isinstance(value, (bool, int, float)) and math.isfinite(value):
        return float(value)
    return None
