"""Aggregated figures of traces, spans and assessments, as SQL with all values bound."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen
from pegboard_stores.sql.pieces import Sql, among, joined
from pegboard_stores.trace_figures import (
    AggregationType,
    MetricAggregation,
    MetricDataPoint,
    MetricViewType,
    TraceMetricsQuery,
)
from pegboard_stores.traces import figures
from pegboard_stores.traces.usage import COSTS, TOKEN_USAGE

from pegboard_tracking.traces import metric_filters

_SPAN_MS = "s.start_time / 1000000"
_NOTHING = Sql("")


@frozen
class _Metric:
    value: str
    """SQL; values that are NULL do not count."""
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
    return _Metric(number, joining)


def _cost(name: str) -> _Metric:
    return _Metric(f"g.{name}", time=_SPAN_MS)


_SESSION = Sql(
    " JOIN trace_metadata u ON u.trace = t.id AND u.name = (SELECT id FROM name WHERE text = ?)",
    (figures.SESSION,),
)
_METRICS: Mapping[MetricViewType, Mapping[str, _Metric]] = {
    MetricViewType.TRACES: {
        "trace_count": _Metric("t.id"),
        "session_count": _Metric("DISTINCT u.value", _SESSION),
        "latency": _Metric("t.duration"),
        **{name: _tokens(name) for name in figures.TOKENS},
    },
    MetricViewType.SPANS: {
        "span_count": _Metric("s.id"),
        "latency": _Metric("(s.end_time - s.start_time) / 1000000"),
        **{name: _cost(name) for name in COSTS},
    },
    MetricViewType.ASSESSMENTS: {
        "assessment_count": _Metric("a.id"),
        "assessment_value": _Metric("a.number"),
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
    figures.check(query)
    conditions = [metric_filters.condition(text, query.view_type) for text in query.filters]
    return Metrics(query, _METRICS[query.view_type][query.metric_name], conditions)


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
            groups[figures.TIME_BUCKET] = Sql(start)
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
        dimensions = {
            name: figures.shown(name, value) for name, value in zip(groups, row, strict=False)
        }
        values = zip(names, row[len(groups) :], strict=True)
        return MetricDataPoint(
            self._query.metric_name,
            dimensions,
            {name: value for name, value in values if value is not None},
        )


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
        return figures.percentile(self._values, self._percent)
