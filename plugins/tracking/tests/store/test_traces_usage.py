"""What spans tell of language models, where it is not what it should be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pegboard.config import Config
from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import Span, TraceInfo
from pegboard.host import Host
from pegboard_stores.trace_figures import (
    AggregationType,
    MetricAggregation,
    MetricViewType,
    TraceMetricsQuery,
)

USAGE, COST = "mlflow.trace.tokenUsage", "mlflow.trace.cost"
HUGE: Any = 10**400
DEEP = "[" * 100_000


@pytest.fixture
def traces(tmp_path) -> Any:
    host = Host(Config())
    yield host.tracking_store(f"sqlite:{tmp_path}/s.db").traces()
    host.close()


def span(number: int, parent: int | None, **attributes: Any) -> Span:
    above = None if parent is None else f"{parent:016x}"
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return Span("tr-1", f"{number:016x}", "n", 1, 2, above, attributes=named)


def used(tokens: Any) -> dict[str, Any]:
    return {"mlflow__chat__tokenUsage": {"input_tokens": tokens}}


def metadata(traces: TraceStore, key: str) -> Any:
    [info] = traces.infos(["tr-1"])
    return json.loads(info.trace_metadata.get(key, "null"))


@pytest.mark.parametrize(
    "wrong", [HUGE, -HUGE, 1.5, float("nan"), float("inf"), True, "5", None, [], {}]
)
def test_what_is_no_number_of_tokens_or_no_cost_does_not_count(
    traces: TraceStore, wrong: Any
) -> None:
    cost = {"mlflow__llm__cost": {"input_cost": wrong, "total_cost": 0.5}}
    traces.log_spans("0", [span(1, None, **used(wrong), **cost)])
    assert metadata(traces, USAGE) is None
    assert metadata(traces, COST) == {
        "input_cost": 1.5 if wrong == 1.5 else 0.0,
        "output_cost": 0.0,
        "total_cost": 0.5,
    }


@pytest.mark.parametrize("wrong", [DEEP, "{", "", "[1]", 5, None, [1], {"other": 1}, "\0"])
def test_attributes_of_another_form_are_passed_over(traces: TraceStore, wrong: Any) -> None:
    given = {"mlflow__chat__tokenUsage": wrong, "mlflow__llm__cost": wrong, "mlflow__llm__model": 5}
    traces.log_spans("0", [span(1, None, **given), span(2, 1, **used(3))])
    assert metadata(traces, USAGE)["input_tokens"] == 3
    assert metadata(traces, COST) is None


def test_attributes_may_be_json_in_a_text(traces: TraceStore) -> None:
    traces.log_spans("0", [span(1, None, mlflow__chat__tokenUsage='{"input_tokens": 4}')])
    assert metadata(traces, USAGE)["input_tokens"] == 4


def test_spans_within_each_other_end(traces: TraceStore) -> None:
    traces.log_spans("0", [span(1, 2, **used(1)), span(2, 1, **used(2)), span(3, 3, **used(4))])
    assert metadata(traces, USAGE) is None
    traces.log_spans("0", [span(4, 9, **used(8))])
    assert metadata(traces, USAGE)["input_tokens"] == 8


def test_a_deep_trace_is_summed(traces: TraceStore) -> None:
    many = [span(n, n - 1 if n > 1 else None) for n in range(1, 3000)]
    traces.log_spans("0", [*many, span(3000, 2999, **used(7))])
    assert metadata(traces, USAGE)["input_tokens"] == 7


def test_a_span_sent_twice_at_once_counts_once(traces: TraceStore) -> None:
    traces.log_spans("0", [span(1, None, **used(5)), span(1, None, **used(6))])
    assert metadata(traces, USAGE)["input_tokens"] == 6


def test_what_the_outline_told_stays(traces: TraceStore) -> None:
    told = json.dumps({"input_tokens": 50})
    traces.start(TraceInfo("tr-1", "0", 1, trace_metadata={USAGE: told}))
    traces.log_spans("0", [span(1, None, **used(5), mlflow__llm__cost={"total_cost": 2.0})])
    assert metadata(traces, USAGE) == {"input_tokens": 50}
    assert metadata(traces, COST)["total_cost"] == 2.0


def test_what_is_removed_with_its_trace_does_not_count(traces: TraceStore) -> None:
    traces.log_spans("0", [span(1, None, **used(5), mlflow__llm__cost={"total_cost": 2.0})])
    traces.link_prompts("tr-1", [("greet", "1")])
    assert traces.delete("0", trace_ids=["tr-1"]) == 1
    how = [MetricAggregation(AggregationType.SUM)]
    for view, name in (
        (MetricViewType.SPANS, "total_cost"),
        (MetricViewType.TRACES, "input_tokens"),
    ):
        assert traces.metrics(TraceMetricsQuery(["0"], view, name, how)) == []
    traces.start(TraceInfo("tr-1", "0", 1))
    assert traces.search(["0"], filter="prompt = 'greet/1'") == []
