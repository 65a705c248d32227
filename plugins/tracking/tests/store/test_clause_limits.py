"""Searches with more clauses than can be answered are refused, those with fewer are answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard.contracts.logged_models import DatasetFilter, ModelOrder
from pegboard.errors import InvalidValue
from pegboard_stores.filters.parser import MAX_COMPARISONS, MAX_ORDERS
from pegboard_stores.trace_figures import (
    AggregationType,
    MetricAggregation,
    MetricViewType,
    TraceMetricsQuery,
)
from pegboard_tracking.store.sqlite import SqliteStore

MANY = 10_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    opened.create_run("0")
    yield opened
    opened.close()


def test_logged_models_are_ordered_by_so_many_metrics(store: SqliteStore) -> None:
    models = store.logged_models()
    model = models.create("0")
    orders = [ModelOrder(f"metrics.m{number}") for number in range(MANY)]
    found = models.search(["0"], order_by=orders[:MAX_ORDERS])
    assert [each.model_id for each in found] == [model.model_id]
    with pytest.raises(InvalidValue, match=f"{MAX_ORDERS} are possible"):
        models.search(["0"], order_by=orders)


def test_logged_models_are_measured_on_so_many_datasets(store: SqliteStore) -> None:
    models = store.logged_models()
    models.create("0")
    datasets = [DatasetFilter(f"d{number}") for number in range(MANY)]
    assert models.search(["0"], datasets=datasets[:MAX_COMPARISONS]) == []
    with pytest.raises(InvalidValue, match=f"{MAX_COMPARISONS} are possible"):
        models.search(["0"], datasets=datasets)


def test_figures_of_traces_have_so_many_filters(store: SqliteStore) -> None:
    def query(count: int) -> TraceMetricsQuery:
        how = [MetricAggregation(AggregationType.COUNT)]
        filters = ['trace.status = "OK"'] * count
        return TraceMetricsQuery(["0"], MetricViewType.TRACES, "trace_count", how, filters=filters)

    traces = store.traces()
    assert [point.values for point in traces.metrics(query(MAX_COMPARISONS))] == [{"COUNT": 0}]
    with pytest.raises(InvalidValue, match=f"{MAX_COMPARISONS} are possible"):
        traces.metrics(query(MANY))


@pytest.mark.parametrize("order", ["tag", "metadata"])
def test_traces_are_ordered_by_so_many_fields(store: SqliteStore, order: str) -> None:
    orders = [f"{order}.t{number}" for number in range(MANY)]
    assert store.traces().search(["0"], order_by=orders[:MAX_ORDERS]) == []
    with pytest.raises(InvalidValue, match=f"{MAX_ORDERS} are possible"):
        store.traces().search(["0"], order_by=orders)


def test_any_number_of_values_may_be_named_in_a_list(store: SqliteStore) -> None:
    names = ", ".join(f"'{number}'" for number in range(20_000))
    for text in (f"run_name IN ({names})", f"tags.`mlflow.runName` NOT IN ({names})"):
        store.search_runs(["0"], filter=text)
