"""Aggregated figures of traces, spans and assessments in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen
from pegboard.entities.traces import SOURCE_RUN, TRACE_NAME, Span

from pegboard_stores import cancellation
from pegboard_stores.mapping_records import TraceRecord
from pegboard_stores.trace_figures import (
    AggregationType,
    MetricAggregation,
    MetricDataPoint,
    MetricViewType,
    TraceMetricsQuery,
)
from pegboard_stores.traces import figures
from pegboard_stores.traces.figure_filters import FigureFilter, parse
from pegboard_stores.traces.outline import dumps
from pegboard_stores.traces.usage import COSTS, TOKEN_USAGE, told_by


@frozen
class _Row:
    """One trace, span or assessment: its time in ms, its figures and its dimensions."""

    time: int
    figures: Mapping[str, Any]
    dimensions: Mapping[str, str | None]
    about: Mapping[str, str]
    """What filters compare, by its name."""


@frozen
class Figures:
    """A query that can be answered."""

    query: TraceMetricsQuery
    conditions: Sequence[FigureFilter]

    @classmethod
    def of(cls, query: TraceMetricsQuery) -> Figures:
        """Return what answers a query; InvalidValue if nothing can."""
        figures.check(query)
        return cls(query, [parse(text, query.view_type) for text in query.filters])

    def found(self, records: Iterable[TraceRecord]) -> list[MetricDataPoint]:
        """Return the figures of traces, ordered by time and dimensions."""
        # Without dimensions all are one group, even if there are none.
        groups: dict[tuple[Any, ...], list[Any]] = {} if self._names else {(): []}
        for record in cancellation.checked(records):
            for row in self._rows(record):
                value, group = row.figures.get(self.query.metric_name), self._group(row)
                # A group without any value would take the place of one with some.
                if value is not None and None not in group:
                    groups.setdefault(group, []).append(value)
        chosen = sorted(groups)[: self.query.max_results]
        points = [self._point(group, groups[group]) for group in chosen]
        return [point for point in points if point.values]

    @property
    def _names(self) -> list[str]:
        timed = self.query.time_interval_seconds is not None
        return [*([figures.TIME_BUCKET] if timed else []), *self.query.dimensions]

    def _rows(self, record: TraceRecord) -> Iterator[_Row]:
        first, last = self.query.start_time_ms, self.query.end_time_ms
        own = [item for item in self.conditions if item.about != "trace"]
        if not all(_fits(item, record) for item in self.conditions if item not in own):
            return
        for row in _ROWS[self.query.view_type](record):
            is_late = last is not None and row.time > last
            is_early = first is not None and row.time < first
            wanted = all(row.about[item.what] == item.value for item in own)
            if wanted and not (is_late or is_early):
                yield row

    def _group(self, row: _Row) -> tuple[Any, ...]:
        own = tuple(row.dimensions[name] for name in self.query.dimensions)
        if self.query.time_interval_seconds is None:
            return own
        return (row.time - row.time % (self.query.time_interval_seconds * 1000), *own)

    def _point(self, group: tuple[Any, ...], values: Sequence[Any]) -> MetricDataPoint:
        if self.query.metric_name == "session_count":
            values = [*dict.fromkeys(values)]
        named = zip(self._names, group, strict=True)
        became = {str(each): _aggregated(each, values) for each in self.query.aggregations}
        return MetricDataPoint(
            self.query.metric_name,
            {name: figures.shown(name, value) for name, value in named},
            {name: value for name, value in became.items() if value is not None},
        )


def _aggregated(how: MetricAggregation, values: Sequence[Any]) -> float | None:
    if how.aggregation_type is AggregationType.COUNT:
        return len(values)
    if not values:
        return None
    if how.aggregation_type is AggregationType.PERCENTILE:
        return figures.percentile(values, how.percentile_value or 0.0)
    return _MADE[how.aggregation_type](values)


_MADE: Mapping[AggregationType, Callable[[Sequence[Any]], float]] = {
    AggregationType.SUM: lambda values: float(sum(values)),
    AggregationType.AVG: lambda values: float(sum(values) / len(values)),
    AggregationType.MIN: min,
    AggregationType.MAX: max,
}


# -- rows ------------------------------------------------------------------------------------------


def _of_trace(record: TraceRecord) -> Iterator[_Row]:
    info = record.info
    own = {
        "trace_count": info.trace_id,
        "session_count": info.trace_metadata.get(figures.SESSION),
        "latency": info.execution_duration,
        **_tokens(info.trace_metadata.get(TOKEN_USAGE)),
    }
    dimensions = {"trace_name": info.tags.get(TRACE_NAME), "trace_status": str(info.state)}
    yield _Row(info.request_time, own, dimensions, {})


def _tokens(text: str | None) -> dict[str, float]:
    # What a client sent as metadata may be no JSON, and hold something else than numbers.
    try:
        found = json.loads(text or "null")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    given = ((name, found.get(name)) for name in figures.TOKENS)
    return {name: value for name, value in given if isinstance(value, int | float)}


def _of_spans(record: TraceRecord) -> Iterator[_Row]:
    for span in record.spans:
        told = told_by(span)
        costs = told.costs if told else {}
        own = {"span_count": span.span_id, "latency": _latency(span)}
        dimensions = {
            "span_name": span.name,
            "span_type": span.span_type,
            "span_status": str(span.status),
            "span_model_name": told.model if told else None,
            "span_model_provider": told.provider if told else None,
        }
        about = {"name": span.name, "status": str(span.status), "type": span.span_type}
        time = span.start_time_ns // 1_000_000
        yield _Row(time, {**own, **{name: costs.get(name) for name in COSTS}}, dimensions, about)


def _latency(span: Span) -> int | None:
    """Return how long a span took, in whole ms."""
    return (
        None if span.end_time_ns is None else (span.end_time_ns - span.start_time_ns) // 1_000_000
    )


def _of_assessments(record: TraceRecord) -> Iterator[_Row]:
    for item in record.assessments:
        if not item.valid:
            continue
        number = figures.number_of(item.value)
        own = {"assessment_count": item.assessment_id, "assessment_value": number}
        dimensions = {"assessment_name": item.name, "assessment_value": dumps(item.value)}
        about = {"name": item.name, "type": str(item.kind)}
        yield _Row(record.info.request_time, own, dimensions, about)


_ROWS: Mapping[MetricViewType, Callable[[TraceRecord], Iterator[_Row]]] = {
    MetricViewType.TRACES: _of_trace,
    MetricViewType.SPANS: _of_spans,
    MetricViewType.ASSESSMENTS: _of_assessments,
}


# -- filters ---------------------------------------------------------------------------------------


def _fits(item: FigureFilter, record: TraceRecord) -> bool:
    info = record.info
    if item.key is None:
        return str(info.state) == item.value
    if item.what == "metadata" and item.key == SOURCE_RUN and item.value in record.runs:
        return True
    texts = info.tags if item.what == "tag" else info.trace_metadata
    return texts.get(item.key) == item.value
