"""MLflow's endpoints for aggregated figures of traces, and for how far two filters agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pegboard.errors import InvalidValue
from pegboard_stores import refusals
from pegboard_stores.trace_figures import (
    AggregationType,
    MetricAggregation,
    MetricDataPoint,
    MetricViewType,
    TraceFigures,
    TraceFilterCorrelation,
    TraceMetricsQuery,
)
from pegboard_wire import scalars
from pegboard_wire.http import Call, Endpoint, Permission
from pegboard_wire.requests import optional_integer, optional_text, page_size, text, texts
from pegboard_wire.scalars import get, items, message, need, number_json
from pegboard_wire.schemas import page_limit
from pegboard_wire.shapes import INT32, INT64, NUMBER, TEXT, array, choice, mapping, record

from pegboard_tracking.wire.trace_requests import experiments, traces_of
from pegboard_tracking.wire.trace_schemas import NEW, TAGS

DEFAULT_POINTS = 1000
"""How many data points are returned by default."""

JsonObject = dict[str, Any]
E = TypeVar("E", bound=StrEnum)

# As the protocol numbers them, from 1.
_VIEWS = tuple(MetricViewType)
_AGGREGATIONS = tuple(AggregationType)


def _figures_of(call: Call) -> TraceFigures:
    traces = traces_of(call)
    found = traces.ability(TraceFigures)
    if found is None:
        raise refusals.unsupported("figures of traces", traces)
    return found


# -- figures ---------------------------------------------------------------------------------------


def query_json(query: TraceMetricsQuery) -> JsonObject:
    """Return a query, without what is not given."""
    made: JsonObject = {
        "experiment_ids": list(query.experiment_ids),
        "view_type": str(query.view_type),
        "metric_name": query.metric_name,
        "aggregations": [
            {"aggregation_type": str(each.aggregation_type)}
            if each.percentile_value is None
            else {
                "aggregation_type": str(each.aggregation_type),
                "percentile_value": each.percentile_value,
            }
            for each in query.aggregations
        ],
        "dimensions": list(query.dimensions),
        "filters": list(query.filters),
        "max_results": query.max_results,
    }
    for name in ("time_interval_seconds", "start_time_ms", "end_time_ms"):
        if getattr(query, name) is not None:
            made[name] = getattr(query, name)
    return made


def _read_query(fields: Mapping[str, Any]) -> TraceMetricsQuery:
    experiment_ids = texts(fields, "experiment_ids")
    view, name = (
        _one_of(need(fields, "view_type"), "view_type", _VIEWS),
        text(fields, "metric_name"),
    )
    given = items(need(fields, "aggregations"), "aggregations")
    return TraceMetricsQuery(
        experiment_ids,
        view,
        name,
        [_read_aggregation(message(each, "aggregations")) for each in given],
        texts(fields, "dimensions"),
        texts(fields, "filters"),
        optional_integer(fields, "time_interval_seconds"),
        optional_integer(fields, "start_time_ms"),
        optional_integer(fields, "end_time_ms"),
        page_size(fields, DEFAULT_POINTS),
    )


def _read_aggregation(fields: Mapping[str, Any]) -> MetricAggregation:
    value = get(fields, "percentile_value")
    return MetricAggregation(
        _one_of(need(fields, "aggregation_type"), "aggregation_type", _AGGREGATIONS),
        None if value is None else scalars.double(value, "percentile_value"),
    )


def _one_of(value: Any, what: str, known: tuple[E, ...]) -> E:
    """Return what a name or number of the protocol stands for."""
    if type(value) is int and 1 <= value <= len(known):
        return known[value - 1]
    for each in known:
        if value == each:
            return each
    raise InvalidValue(
        f"The field {what!r} is {str(value)[:60]!r}, not one of {', '.join(known)}."
    ).about("wrong_field", field=what, value=value)


def point_json(point: MetricDataPoint) -> JsonObject:
    """Return a data point."""
    return {
        "metric_name": point.metric_name,
        "dimensions": dict(point.dimensions),
        "values": {name: number_json(float(value)) for name, value in point.values.items()},
    }


def read_point(value: Any) -> MetricDataPoint:
    """Read a data point."""
    fields = message(value, "data_point")
    dimensions = message(get(fields, "dimensions") or {}, "dimensions")
    values = message(get(fields, "values") or {}, "values")
    return MetricDataPoint(
        text(fields, "metric_name"),
        {name: scalars.string(each, name) for name, each in dimensions.items()},
        {name: scalars.double(each, name) for name, each in values.items()},
    )


def _metrics(call: Call) -> JsonObject:
    found = _figures_of(call).metrics(_read_query(call.parameters))
    return {"data_points": [point_json(point) for point in found]}


# -- correlation -----------------------------------------------------------------------------------


def correlation_json(found: TraceFilterCorrelation) -> JsonObject:
    """Return how far two filters agree; what is undefined is left out."""
    figures = {"npmi": found.npmi, "npmi_smoothed": found.npmi_smoothed}
    return {
        **{name: figure for name, figure in figures.items() if not math.isnan(figure)},
        "filter1_count": found.filter1_count,
        "filter2_count": found.filter2_count,
        "joint_count": found.joint_count,
        "total_count": found.total_count,
    }


def read_correlation(fields: Mapping[str, Any]) -> TraceFilterCorrelation:
    """Read how far two filters agree."""
    names = ("filter1_count", "filter2_count", "joint_count", "total_count")
    return TraceFilterCorrelation(*(optional_integer(fields, name) or 0 for name in names))


def _correlation(call: Call) -> JsonObject:
    fields = call.parameters
    found = _figures_of(call).correlation(
        experiments(call),
        text(fields, "filter_string1"),
        text(fields, "filter_string2"),
        base_filter=optional_text(fields, "base_filter"),
    )
    return correlation_json(found)


ENDPOINTS = [
    Endpoint(
        "POST", NEW + "/metrics", _metrics, Permission.READ,
        "Return counts, latencies, tokens, costs and scores of traces, in groups.",
        record(
            "experiment_ids", "view_type", "metric_name", "aggregations",
            experiment_ids=array(TEXT),
            view_type=choice(*_VIEWS),
            metric_name=TEXT,
            aggregations=array(
                record(
                    "aggregation_type", aggregation_type=choice(*_AGGREGATIONS),
                    percentile_value=NUMBER,
                )
            ),
            dimensions=array(TEXT),
            filters=array(TEXT),
            time_interval_seconds=INT64,
            start_time_ms=INT64,
            end_time_ms=INT64,
            max_results=page_limit(),
            page_token=TEXT,
        ),
        record(
            data_points=array(
                record(metric_name=TEXT, dimensions=mapping(TEXT), values=mapping(NUMBER))
            ),
            next_page_token=TEXT,
        ),
        tags=TAGS,
    ),
    Endpoint(
        "POST", NEW + "/calculate-filter-correlation", _correlation, Permission.READ,
        "Return how many traces fit two filters, and how far the two go together.",
        record(
            "experiment_ids", "filter_string1", "filter_string2", experiment_ids=array(TEXT),
            filter_string1=TEXT, filter_string2=TEXT, base_filter=TEXT,
        ),
        record(
            npmi=NUMBER, npmi_smoothed=NUMBER, filter1_count=INT32, filter2_count=INT32,
            joint_count=INT32, total_count=INT32,
        ),
        tags=TAGS,
    ),
]  # fmt: skip
