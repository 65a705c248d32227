"""The contract of figures of traces: sums and counts, and how far two filters agree."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pegboard.contracts.traces import TraceStore
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Run
from pegboard.entities.traces import (
    Assessment,
    AssessmentKind,
    Span,
    SpanStatusCode,
    TraceInfo,
    TraceState,
)
from pegboard.errors import InvalidValue
from pegboard_stores.trace_figures import (
    AggregationType,
    MetricAggregation,
    MetricViewType,
    TraceFigures,
    TraceFilterCorrelation,
    TraceMetricsQuery,
)

from pegboard_testing._base import StoreTests

_SECOND = 1_000_000_000
_COUNT = MetricAggregation(AggregationType.COUNT)
_SUM = MetricAggregation(AggregationType.SUM)
_AVG = MetricAggregation(AggregationType.AVG)
_MIN = MetricAggregation(AggregationType.MIN)
_MAX = MetricAggregation(AggregationType.MAX)
_TRACES, _SPANS, _JUDGED = MetricViewType


def _percentile(value: float) -> MetricAggregation:
    return MetricAggregation(AggregationType.PERCENTILE, value)


def _able(traces: TraceStore) -> TraceFigures:
    found = traces.ability(TraceFigures)
    assert found is not None
    return found


def _figures(traces: TraceStore, view: MetricViewType, name: str, *how: Any, **more: Any) -> Any:
    """Return the values of each group; without groups those of the only one."""
    asked = TraceMetricsQuery(["0"], view, name, list(how), **more)
    found = _able(traces).metrics(asked)
    assert all(point.metric_name == name for point in found)
    groups = ["time_bucket"] if asked.time_interval_seconds else []
    groups += asked.dimensions
    if not groups:
        return dict(found[0].values) if found else {}
    assert all(set(point.dimensions) == set(groups) for point in found)
    return [
        (tuple(point.dimensions[name] for name in groups), dict(point.values)) for point in found
    ]


class TraceFiguresContract(StoreTests):
    """What every store does that has figures of traces. Derive from it beside the main suite."""

    @pytest.fixture
    def traces(self, store: TrackingStore) -> TraceStore:
        return store.traces()

    # -- correlation ---------------------------------------------------------------------------

    def test_filters_are_counted_alone_and_together(self, traces: TraceStore) -> None:
        for n in range(10):
            state = TraceState.ERROR if n < 4 else TraceState.OK
            tags = {"team": "blue"} if n % 2 else {}
            traces.start(TraceInfo(f"tr-{n}", "0", n, state, tags=tags))
        found = _able(traces).correlation(["0"], "status = 'ERROR'", "tags.team = 'blue'")
        assert found == TraceFilterCorrelation(4, 5, 2, 10)
        assert found.npmi == pytest.approx(0)
        found = _able(traces).correlation(
            ["0"], "status = 'ERROR'", "timestamp < 4", base_filter="tags.team = 'blue'"
        )
        assert found == TraceFilterCorrelation(2, 2, 2, 5)
        assert found.npmi == pytest.approx(1)
        found = _able(traces).correlation(["0"], "status = 'ERROR'", "status = 'OK'")
        assert found == TraceFilterCorrelation(4, 6, 0, 10)
        assert found.npmi == -1
        assert -1 < found.npmi_smoothed < -0.3
        for nothing in (["0"], [], ["4040"]):
            found = _able(traces).correlation(nothing, "name = 'x'", "status = 'OK'")
            assert math.isnan(found.npmi)
            assert math.isnan(found.npmi_smoothed)
        with pytest.raises(InvalidValue):
            _able(traces).correlation(["0"], "status >", "status = 'OK'")

    # -- figures of traces ---------------------------------------------------------------------

    def test_traces_are_counted_and_timed(self, traces: TraceStore) -> None:
        assert _figures(traces, _TRACES, "trace_count", _COUNT) == {"COUNT": 0}
        assert _figures(traces, _TRACES, "latency", _AVG) == {}
        for n in range(5):
            name = "ask" if n < 3 else "tell"
            state = TraceState.ERROR if n == 0 else TraceState.OK
            metadata = {"mlflow.trace.session": f"s{n % 2}"} if n else {}
            tags = {"mlflow.traceName": name}
            info = TraceInfo(
                f"tr-{n}", "0", n * 1000, state, n * 10, tags=tags, trace_metadata=metadata
            )
            traces.start(info)
        assert _figures(traces, _TRACES, "trace_count", _COUNT) == {"COUNT": 5}
        assert _figures(traces, _TRACES, "session_count", _COUNT) == {"COUNT": 2}
        by_both = _figures(
            traces, _TRACES, "trace_count", _COUNT, dimensions=["trace_name", "trace_status"]
        )
        assert by_both == [
            (("ask", "ERROR"), {"COUNT": 1}),
            (("ask", "OK"), {"COUNT": 2}),
            (("tell", "OK"), {"COUNT": 2}),
        ]
        every = [_AVG, _MIN, _MAX, _percentile(50.0), _percentile(90.0)]
        assert _figures(traces, _TRACES, "latency", *every) == {
            "AVG": 20, "MIN": 0, "MAX": 40, "P50.0": 20, "P90.0": pytest.approx(36),
        }  # fmt: skip
        within = {"start_time_ms": 1000, "end_time_ms": 3000}
        assert _figures(traces, _TRACES, "trace_count", _COUNT, **within) == {"COUNT": 3}
        in_turn = _figures(
            traces, _TRACES, "trace_count", _COUNT, time_interval_seconds=2, **within
        )
        assert in_turn == [
            (("1970-01-01T00:00:00+00:00",), {"COUNT": 1}),
            (("1970-01-01T00:00:02+00:00",), {"COUNT": 2}),
        ]
        first = _figures(
            traces, _TRACES, "trace_count", _COUNT, dimensions=["trace_name"], max_results=1
        )
        assert first == [(("ask",), {"COUNT": 3})]

    def test_tokens_of_traces_are_summed(self, traces: TraceStore) -> None:
        for n in range(1, 4):
            usage = {"input_tokens": n, "output_tokens": 10 * n, "total_tokens": 11 * n}
            metadata = {"mlflow.trace.tokenUsage": json.dumps(usage)}
            traces.start(TraceInfo(f"tr-{n}", "0", n, trace_metadata=metadata))
        for n, rubbish in enumerate(("", "[1]", '{"input_tokens": "many"}', "{", "null")):
            metadata = {"mlflow.trace.tokenUsage": rubbish}
            traces.start(TraceInfo(f"no-{n}", "0", n, trace_metadata=metadata))
        assert _figures(traces, _TRACES, "total_tokens", _SUM, _MAX) == {"SUM": 66, "MAX": 33}
        assert _figures(traces, _TRACES, "input_tokens", _AVG, _percentile(0.0)) == {
            "AVG": 2, "P0.0": 1,
        }  # fmt: skip
        assert _figures(traces, _TRACES, "cache_read_input_tokens", _SUM) == {}

    def test_a_sum_of_tokens_may_exceed_64_bits(self, traces: TraceStore) -> None:
        for n in range(2):
            metadata = {"mlflow.trace.tokenUsage": json.dumps({"output_tokens": 2**63 - 1})}
            traces.start(TraceInfo(f"many-{n}", "0", n, trace_metadata=metadata))
        assert _figures(traces, _TRACES, "output_tokens", _SUM)["SUM"] == pytest.approx(2**64)

    def test_filters_choose_what_is_aggregated(self, run: Run, traces: TraceStore) -> None:
        run_id = run.info.run_id
        made = {"mlflow.sourceRun": run_id, "a.b": "é"}
        tags = {"mlflow.traceName": "ask", "team.x": "blue"}
        traces.start(TraceInfo("a", "0", 1, TraceState.OK, tags=tags, trace_metadata=made))
        traces.start(TraceInfo("b", "0", 2, TraceState.ERROR))
        traces.start(TraceInfo("c", "0", 3, TraceState.OK))
        traces.link_to_run(["c"], run_id)
        for text, count in (
            ("trace.status = 'OK'", 2),
            ("trace.tag.team.x = 'blue'", 1),
            ('trace.tag.`team.x` = "red"', 0),
            ("trace.tag.mlflow.traceName = 'ask'", 1),
            ("trace.metadata.`a.b` = 'é'", 1),
            (f"trace.metadata.mlflow.sourceRun = '{run_id}'", 2),
        ):
            found = _figures(traces, _TRACES, "trace_count", _COUNT, filters=[text])
            assert found == {"COUNT": count}, text
        both = ["trace.status = 'OK'", "trace.tag.mlflow.traceName = 'ask'"]
        assert _figures(traces, _TRACES, "trace_count", _COUNT, filters=both) == {"COUNT": 1}

    # -- figures of spans ----------------------------------------------------------------------

    def test_spans_are_counted_and_timed(self, traces: TraceStore) -> None:
        _asked(traces)
        assert _figures(traces, _SPANS, "span_count", _COUNT) == {"COUNT": 4}
        named = ["span_name", "span_type", "span_status"]
        assert _figures(traces, _SPANS, "span_count", _COUNT, dimensions=named) == [
            (("agent", "AGENT", "UNSET"), {"COUNT": 1}),
            (("llm", "LLM", "ERROR"), {"COUNT": 1}),
            (("llm", "LLM", "OK"), {"COUNT": 2}),
        ]
        model = ["span_model_name", "span_model_provider"]
        assert _figures(traces, _SPANS, "span_count", _COUNT, dimensions=model) == [
            (("big", "acme"), {"COUNT": 1}),
            (("small", "acme"), {"COUNT": 2}),
        ]
        assert _figures(traces, _SPANS, "latency", _MAX, dimensions=["span_name"]) == [
            (("agent",), {"MAX": 4000}),
            (("llm",), {"MAX": 3000}),
        ]
        only = ["span.name = 'llm'", "span.status = 'OK'"]
        assert _figures(traces, _SPANS, "span_count", _COUNT, filters=only) == {"COUNT": 2}
        only = ["span.type = 'LLM'", "trace.status = 'ERROR'"]
        assert _figures(traces, _SPANS, "span_count", _COUNT, filters=only) == {"COUNT": 0}

    def test_costs_of_spans_are_summed(self, traces: TraceStore) -> None:
        _asked(traces)
        assert _figures(traces, _SPANS, "total_cost", _SUM, _MIN) == {"SUM": 7.0, "MIN": 1.0}
        by_model = _figures(traces, _SPANS, "input_cost", _SUM, dimensions=["span_model_name"])
        assert by_model == [(("big",), {"SUM": 2.0}), (("small",), {"SUM": 1.5})]

    def test_spans_tell_what_their_trace_used(self, traces: TraceStore) -> None:
        _asked(traces)
        [info] = traces.infos(["tr-1"])
        usage = json.loads(info.trace_metadata["mlflow.trace.tokenUsage"])
        assert usage == {"input_tokens": 6, "output_tokens": 60, "total_tokens": 66}
        cost = json.loads(info.trace_metadata["mlflow.trace.cost"])
        assert cost == {"input_cost": 3.5, "output_cost": 3.5, "total_cost": 7.0}
        assert _figures(traces, _TRACES, "total_tokens", _SUM) == {"SUM": 66}
        # What the first span tells is the sum of what those within it did.
        first = _span("agent", 1, {"mlflow.chat.tokenUsage": {"input_tokens": 100}})
        traces.log_spans("0", [first])
        [info] = traces.infos(["tr-1"])
        usage = json.loads(info.trace_metadata["mlflow.trace.tokenUsage"])
        assert usage == {"input_tokens": 100, "output_tokens": 0, "total_tokens": 0}

    def test_a_span_that_comes_again_tells_anew_what_it_used(self, traces: TraceStore) -> None:
        def asked(model: str, tokens: int) -> Span:
            usage = {"input_tokens": tokens}
            told = {"mlflow.llm.model": model, "mlflow.chat.tokenUsage": usage}
            return _span("llm", 2, told if tokens else {})

        by_model = {"dimensions": ["span_model_name"]}
        for model, tokens in (("small", 5), ("big", 7)):
            traces.log_spans("0", [asked(model, tokens)])
            assert _figures(traces, _TRACES, "input_tokens", _SUM) == {"SUM": tokens}
            found = _figures(traces, _SPANS, "span_count", _COUNT, **by_model)
            assert found == [((model,), {"COUNT": 1})]
        traces.log_spans("0", [asked("", 0)])
        assert _figures(traces, _SPANS, "span_count", _COUNT, **by_model) == []

    # -- figures of assessments ----------------------------------------------------------------

    def test_assessments_are_counted_and_averaged(self, traces: TraceStore) -> None:
        traces.start(TraceInfo("tr-1", "0", 1, TraceState.OK))
        values: list[Any] = [1, 0.5, True, "yes", "no", "bad", {"x": "é"}]
        made = [traces.create_assessment(_judged("quality", value)) for value in values]
        traces.create_assessment(
            Assessment("tr-1", "wanted", AssessmentKind.EXPECTATION, 42, "HUMAN", "me")
        )
        old = made[0].assessment_id
        traces.create_assessment(_judged("quality", 0.25, overrides=old))
        assert _figures(traces, _JUDGED, "assessment_count", _COUNT) == {"COUNT": 8}
        by_name = ["assessment_name"]
        how = (_AVG, _percentile(50.0))
        found = _figures(traces, _JUDGED, "assessment_value", *how, dimensions=by_name)
        assert found == [
            (("quality",), {"AVG": pytest.approx(2.75 / 5), "P50.0": 0.5}),
            (("wanted",), {"AVG": 42, "P50.0": 42}),
        ]
        counted = _figures(
            traces, _JUDGED, "assessment_count", _COUNT, dimensions=["assessment_value"]
        )
        assert (('"bad"',), {"COUNT": 1}) in counted
        assert (('{"x": "\\u00e9"}',), {"COUNT": 1}) in counted
        assert (("true",), {"COUNT": 1}) in counted
        for text, count in (
            ("assessment.name = 'quality'", 7),
            ("assessment.type = 'expectation'", 1),
            ("trace.status = 'ERROR'", 0),
        ):
            found = _figures(traces, _JUDGED, "assessment_count", _COUNT, filters=[text])
            assert found == {"COUNT": count}, text

    @pytest.mark.parametrize("value", [None, -1, 100.5, math.nan])
    def test_a_percentile_is_from_0_to_100(self, value: float | None) -> None:
        with pytest.raises(InvalidValue):
            MetricAggregation(AggregationType.PERCENTILE, value)
        with pytest.raises(InvalidValue):
            MetricAggregation(AggregationType.AVG, 50.0)

    def test_figures_that_there_are_not_are_refused(
        self, traces: TraceStore, subtests: pytest.Subtests
    ) -> None:
        refused: list[tuple[MetricViewType, str, list[MetricAggregation], dict[str, Any]]] = [
            (_TRACES, "nothing", [_COUNT], {}),
            (_TRACES, "span_count", [_COUNT], {}),
            (_TRACES, "trace_count", [_SUM], {}),
            (_TRACES, "latency", [_COUNT], {}),
            (_TRACES, "latency", [_AVG], {"dimensions": ["trace_status"]}),
            (_SPANS, "total_cost", [_SUM], {"dimensions": ["span_name"]}),
            (_TRACES, "trace_count", [_COUNT], {"filters": ["span.name = 'x'"]}),
            (_SPANS, "span_count", [_COUNT], {"filters": ["assessment.name = 'x'"]}),
            (_TRACES, "trace_count", [_COUNT], {"filters": ["trace.status != 'OK'"]}),
            (_TRACES, "trace_count", [_COUNT], {"filters": ["trace.tag = 'OK'"]}),
            (_TRACES, "trace_count", [_COUNT], {"filters": ["trace.other.x = 'OK'"]}),
            (
                _TRACES,
                "trace_count",
                [_COUNT],
                {"filters": ["trace.status = 'OK' AND trace.tag.a = 'b'"]},
            ),
            (_TRACES, "trace_count", [_COUNT], {"time_interval_seconds": 60}),
            (_TRACES, "trace_count", [_COUNT], {"max_results": 0}),
        ]
        for view, name, how, more in refused:
            with (
                subtests.test(view=view, name=name, how=how, more=more),
                pytest.raises(InvalidValue),
            ):
                _able(traces).metrics(TraceMetricsQuery(["0"], view, name, how, **more))


def _judged(name: str, value: Any, **more: Any) -> Assessment:
    return Assessment("tr-1", name, AssessmentKind.FEEDBACK, value, "HUMAN", "me", **more)


def _span(name: str, number: int, attributes: dict[str, Any], **more: Any) -> Span:
    parent = None if number == 1 else f"{1:016x}"
    times = {"start_time_ns": _SECOND, "end_time_ns": (6 - number) * _SECOND}
    given: dict[str, Any] = {"parent_id": parent, **times, **more}
    return Span("tr-1", f"{number:016x}", name, attributes=attributes, **given)


def _asked(traces: TraceStore) -> None:
    """Log a span within which language models were asked three times."""

    def asked(number: int, model: str, status: SpanStatusCode) -> Span:
        half = 2.0 ** (number - 3)
        attributes = {
            "mlflow.spanType": "LLM",
            "mlflow.llm.model": model,
            "mlflow.llm.provider": "acme",
            "mlflow.chat.tokenUsage": {
                "input_tokens": number - 1,
                "output_tokens": 10 * (number - 1),
                "total_tokens": 11 * (number - 1),
            },
            "mlflow.llm.cost": {
                "input_cost": half,
                "output_cost": half,
                "total_cost": 2 * half,
            },
        }
        return _span("llm", number, attributes, status=status)

    ok, failed = SpanStatusCode.OK, SpanStatusCode.ERROR
    agent = _span("agent", 1, {"mlflow.spanType": "AGENT"})
    traces.log_spans("0", [agent, asked(2, "small", ok)])
    traces.log_spans("0", [asked(3, "small", failed), asked(4, "big", ok)])
