"""Aggregated figures of traces, spans and assessments, as SQL with all values bound."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import field, frozen
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities.traces import (
    AggregationType,
    MetricAggregation,
    MetricDataPoint,
    MetricViewType,
    TraceMetricsQuery,
)
from pegboard.errors import InvalidValue
from pegboard_stores import validation
from pegboard_stores.filters.parser import MAX_COMPARISONS, MAX_ORDERS
from pegboard_stores.sql.pieces import Sql, among, joined

from pegboard_tracking.traces import metric_filters
from pegboard_tracking.traces.usage import TOKEN_USAGE

TIME_BUCKET = "time_bucket"
"""The dimension that says when the interval of a group begins, in ISO 8601."""

_MAX_AGGREGATIONS = 100
_SPAN_MS = "s.start_time / 1000000"
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
_NOTHING = Sql("")


@frozen
class _Metric:
    value: str
    """SQL; values that are NULL do not count."""
    aggregations: frozenset[AggregationType]
    dimensions: tuple[str, ...] = ()
    source: Sql = _NOTHING
    """More to join."""
    time: str = "t.request_time"
    """The time in ms that has to lie between the two of a query."""


def _tokens(name: str) -> _Metric:
    # What a client sent as metadata may be no JSON, and hold something else than numbers.
    path = f"$.{name}"
    found = f"json_extract(u.value, '{path}')"
    number = f"iif(json_valid(u.value), iif(typeof({found}) = 'text', NULL, {found}), NULL)"
    joining = Sql(
        " JOIN trace_metadata u ON u.trace = t.id"
        " AND u.name = (SELECT id FROM name WHERE text = ?)",
        (TOKEN_USAGE,),
    )
    return _Metric(number, _AMOUNT, ("trace_name",), joining)


def _cost(name: str) -> _Metric:
    dimensions = ("span_model_name", "span_model_provider")
    return _Metric(f"g.{name}", _AMOUNT, dimensions, time=_SPAN_MS)


_SESSION = Sql(
    " JOIN trace_metadata u ON u.trace = t.id AND u.name = (SELECT id FROM name WHERE text = ?)",
    ("mlflow.trace.session",),
)
_METRICS: Mapping[MetricViewType, Mapping[str, _Metric]] = {
    MetricViewType.TRACES: {
        "trace_count": _Metric("t.id", _COUNT, ("trace_name", "trace_status")),
        "session_count": _Metric("DISTINCT u.value", _COUNT, source=_SESSION),
        "latency": _Metric("t.duration", _SPREAD, ("trace_name",)),
        **{
            name: _tokens(name)
            for name in (
                "input_tokens",
                "output_tokens",
                "total_tokens",
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
            )
        },
    },
    MetricViewType.SPANS: {
        "span_count": _Metric(
            "s.id",
            _COUNT,
            ("span_name", "span_type", "span_status", "span_model_name", "span_model_provider"),
        ),
        "latency": _Metric(
            "(s.end_time - s.start_time) / 1000000", _SPREAD, ("span_name", "span_status")
        ),
        **{name: _cost(name) for name in ("input_cost", "output_cost", "total_cost")},
    },
    MetricViewType.ASSESSMENTS: {
        "assessment_count": _Metric("a.id", _COUNT, ("assessment_name", "assessment_value")),
        "assessment_value": _Metric("a.number", _SPREAD, ("assessment_name",)),
    },
}
_DIMENSIONS = {
    "trace_name": "t.name",
    "trace_status": "t.state",
    "span_name": "n.text",
    "span_type": "s.type",
    "span_status": "s.status",
    "span_model_name": "g.model",
    "span_model_provider": "g.provider",
    "assessment_name": "n.text",
    "assessment_value": "a.value",
}
_SOURCES = {
    MetricViewType.TRACES: "trace t",
    MetricViewType.SPANS: "trace t JOIN span s ON s.trace = t.id",
    MetricViewType.ASSESSMENTS: "trace t JOIN assessment a ON a.trace = t.id AND a.valid",
}
_NAMES = {
    MetricViewType.SPANS: " JOIN name n ON n.id = s.name",
    MetricViewType.ASSESSMENTS: " JOIN name n ON n.id = a.name",
}
_FUNCTIONS = {
    AggregationType.COUNT: "count",
    AggregationType.AVG: "avg",
    AggregationType.MIN: "min",
    AggregationType.MAX: "max",
}


def build(query: TraceMetricsQuery) -> Metrics:
    """Return what answers a query; InvalidValue if nothing can."""
    validation.page_size(query.max_results, SEARCH_LIMIT)
    known = _METRICS[query.view_type]
    if query.metric_name not in known:
        raise _unknown("metric", query.metric_name, known)
    metric = known[query.metric_name]
    if not 1 <= len(query.aggregations) <= _MAX_AGGREGATIONS:
        raise InvalidValue(
            f"{len(query.aggregations)} aggregations were asked for, "
            f"not from 1 to {_MAX_AGGREGATIONS}."
        )
    for each in query.aggregations:
        if each.aggregation_type not in metric.aggregations:
            raise _unknown("aggregation", each.aggregation_type, sorted(metric.aggregations))
    for name in query.dimensions:
        if name not in metric.dimensions:
            raise _unknown("dimension", name, metric.dimensions)
    seconds = query.time_interval_seconds
    if seconds is not None:
        if not 0 < seconds < 1 << 40:
            raise InvalidValue(f"The interval is {seconds} seconds, not positive.")
        if query.start_time_ms is None or query.end_time_ms is None:
            raise InvalidValue("With an interval, the first and the last time are needed too.")
    validation.at_most(len(query.filters), MAX_COMPARISONS, "filters")
    validation.at_most(len(query.dimensions), MAX_ORDERS, "dimensions")
    conditions = [metric_filters.condition(text, query.view_type) for text in query.filters]
    return Metrics(query, metric, conditions)


def _unknown(what: str, name: str, known: Mapping[str, Any] | Sequence[str]) -> InvalidValue:
    possible = f"Possible are {', '.join(known)}." if known else "None is possible."
    return InvalidValue(f"There is no {what} {str(name)[:60]!r} here.", hint=possible)


@frozen
class Metrics:
    """A query that can be answered."""

    _query: TraceMetricsQuery
    _metric: _Metric
    _conditions: Sequence[Sql] = field(factory=list)

    def run(
        self, connection: sqlite3.Connection, experiments: Sequence[int]
    ) -> list[MetricDataPoint]:
        """Return the figures of the experiments of these rows."""
        connection.create_aggregate("pegboard_percentile", 2, _Percentile)  # type: ignore[arg-type]
        groups = self._groups()
        values = [self._aggregated(each) for each in self._query.aggregations]
        wanted = joined(" AND ", [among("t.experiment", experiments), *self._wanted()])
        columns = joined(", ", [*groups.values(), *values])
        source = self._source(columns.text + wanted.text)
        places = ", ".join(str(place + 1) for place in range(len(groups)))
        grouping = f" GROUP BY {places} ORDER BY {places}" if groups else ""
        found = connection.execute(
            f"SELECT {columns.text} FROM {source.text} WHERE {wanted.text}{grouping} LIMIT ?",  # noqa: S608
            (*columns.values, *source.values, *wanted.values, self._query.max_results),
        ).fetchall()
        names = [str(each) for each in self._query.aggregations]
        points = [self._point(list(groups), names, row) for row in found]
        return [point for point in points if point.values]

    def _groups(self) -> dict[str, Sql]:
        seconds = self._query.time_interval_seconds
        groups: dict[str, Sql] = {}
        if seconds is not None:
            spans = self._query.view_type is MetricViewType.SPANS
            time = _SPAN_MS if spans else "t.request_time"
            length = seconds * 1000
            # The remainder has the sign of the time, which may lie before 1970.
            start = f"{time} - (({time}) % {length} + {length}) % {length}"
            groups[TIME_BUCKET] = Sql(start)
        return groups | {name: Sql(_DIMENSIONS[name]) for name in self._query.dimensions}

    def _aggregated(self, each: MetricAggregation) -> Sql:
        if each.aggregation_type is AggregationType.PERCENTILE:
            return Sql(f"pegboard_percentile({self._metric.value}, ?)", (each.percentile_value,))
        if each.aggregation_type is AggregationType.SUM:
            # A sum of integers could be too great for one.
            return Sql(f"sum(1.0 * {self._metric.value})")
        return Sql(f"{_FUNCTIONS[each.aggregation_type]}({self._metric.value})")

    def _wanted(self) -> list[Sql]:
        bounds = (("<=", self._query.end_time_ms), (">=", self._query.start_time_ms))
        wanted = [
            Sql(f"{self._metric.time} {operator} ?", (bound,))
            for operator, bound in bounds
            if bound is not None
        ]
        wanted += self._conditions
        value = self._metric.value.removeprefix("DISTINCT ")
        # A group without any value would take the place of one with some.
        wanted += [Sql(f"{each} IS NOT NULL") for each in (value, *self._dimensions())]
        return wanted

    def _dimensions(self) -> list[str]:
        return [_DIMENSIONS[name] for name in self._query.dimensions]

    def _source(self, used: str) -> Sql:
        view = self._query.view_type
        text = _SOURCES[view]
        if "n.text" in used:
            text += _NAMES[view]
        if "g." in used:
            text += " JOIN llm_call g ON g.span = s.id"
        return joined("", [Sql(text), self._metric.source])

    def _point(
        self, groups: Sequence[str], names: Sequence[str], row: Sequence[Any]
    ) -> MetricDataPoint:
        dimensions = {name: _shown(name, value) for name, value in zip(groups, row, strict=False)}
        values = zip(names, row[len(groups) :], strict=True)
        return MetricDataPoint(
            self._query.metric_name,
            dimensions,
            {name: value for name, value in values if value is not None},
        )


def _shown(dimension: str, value: Any) -> str:
    if dimension == TIME_BUCKET:
        try:
            return (_EPOCH + timedelta(milliseconds=value)).isoformat()
        except OverflowError:
            return str(value)
    if dimension == "assessment_value":
        # As MLflow writes JSON, with its spaces and escapes.
        return json.dumps(json.loads(value))
    return str(value)


class _Percentile:
    """An aggregate for SQLite: between two values it is interpolated linearly."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._percent = 0.0

    def step(self, value: float | None, percent: float) -> None:
        """Take one value."""
        if value is not None:
            self._values.append(value)
            self._percent = percent

    def finalize(self) -> float | None:
        """Return the percentile, None of no values."""
        if not self._values:
            return None
        ordered = sorted(self._values)
        place = self._percent / 100 * (len(ordered) - 1)
        below = math.floor(place)
        low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
        return low + (place - below) * (high - low)
