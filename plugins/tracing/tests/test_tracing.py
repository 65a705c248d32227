"""Whether traces are made, where they go, and how they go on elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pegboard
import pytest
from pegboard.errors import InvalidValue
from pegboard_tracing import tracing
from pegboard_tracing.entities.traces import MlflowExperimentLocation, Trace
from pegboard_tracing.noop import NoOpSpan

THEIRS, SPAN = "ab" * 16, "cd" * 8


@pytest.fixture(autouse=True)
def as_new() -> Iterator[None]:
    tracing.reset()
    yield
    tracing.reset()


def trace_of(trace_id: str) -> Trace:
    found = pegboard.get_trace(trace_id)
    assert found is not None
    return found


def test_a_trace_that_another_process_began_goes_on_here() -> None:
    header = {"TraceParent": f"00-{THEIRS}-{SPAN}-01"}
    with tracing.set_tracing_context_from_http_request_headers(header):
        assert tracing.get_tracing_context_headers_for_http_request() == {
            "traceparent": f"00-{THEIRS}-{SPAN}-01"
        }
        with pegboard.start_span("served") as span, pegboard.start_span("below"):
            pass
    assert (span.trace_id, span.parent_id) == (f"tr-{THEIRS}", SPAN)
    found = trace_of(span.trace_id)
    assert [each.name for each in found.data.spans] == ["served", "below"]
    # How it ended, only who began it can tell.
    assert found.info.state == "IN_PROGRESS"


def test_what_is_said_here_of_a_trace_that_another_process_began_is_kept() -> None:
    header = {"traceparent": f"00-{THEIRS}-{SPAN}-01"}
    trace_id = f"tr-{THEIRS}"
    with tracing.set_tracing_context_from_http_request_headers(header):
        # Before there is a span, within one, and after it.
        pegboard.set_trace_tag(trace_id, "first", "1")
        with pegboard.start_span("served"):
            pegboard.update_current_trace(tags={"within": 2}, session_id="s", metadata={"m": "x"})
        assert trace_of(trace_id).info.tags["within"] == "2"
        pegboard.update_current_trace(tags={"last": "3", "first": "4"})
        pegboard.delete_trace_tag(trace_id, "within")
    info = trace_of(trace_id).info
    assert {key: info.tags.get(key) for key in ("first", "within", "last")} == {
        "first": "4",
        "within": None,
        "last": "3",
    }
    assert info.trace_metadata["mlflow.trace.session"] == "s"
    assert info.trace_metadata["m"] == "x"
    assert info.state == "IN_PROGRESS"


def test_a_trace_that_is_not_kept_there_is_not_kept_here() -> None:
    header = {"traceparent": f"00-{THEIRS}-{SPAN}-00"}
    served = tracing.set_tracing_context_from_http_request_headers(header)
    with served, pegboard.start_span("served") as span:
        assert tracing.get_tracing_context_headers_for_http_request() == header
    assert isinstance(span, NoOpSpan)


@pytest.mark.parametrize(
    "header", ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"ff-{THEIRS}-{SPAN}-01"]
)
def test_a_header_that_says_nothing_begins_a_new_trace(header: str) -> None:
    served = tracing.set_tracing_context_from_http_request_headers({"traceparent": header})
    with served, pegboard.start_span("served") as span:
        pass
    assert (span.parent_id, span.trace_id != f"tr-{THEIRS}") == (None, True)
    with (
        pytest.raises(InvalidValue, match="traceparent"),
        tracing.set_tracing_context_from_http_request_headers({}),
    ):
        pass


def test_part_of_the_traces_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> int:
        return sum(
            not isinstance(pegboard.start_span_no_context("s"), NoOpSpan) for _ in range(400)
        )

    assert kept() == 400
    tracing.configure(sampling_ratio=0.25)
    assert 40 < kept() < 200
    tracing.reset()
    monkeypatch.setenv("MLFLOW_TRACE_SAMPLING_RATIO", "0")
    assert kept() == 0
    tracing.reset()
    monkeypatch.setenv("MLFLOW_TRACE_SAMPLING_RATIO", "half")
    assert kept() == 400
    with pytest.raises(InvalidValue):
        tracing.configure(sampling_ratio=2)


def test_traces_go_where_they_are_sent() -> None:
    mine, other = (pegboard.create_experiment(name) for name in ("mine", "other"))
    tracing.set_destination(MlflowExperimentLocation(mine))
    with pegboard.start_span("a") as a:
        pass
    tracing.set_destination(MlflowExperimentLocation(other), context_local=True)
    with pegboard.start_span("b") as b:
        pass
    with pegboard.start_span("c", trace_destination=MlflowExperimentLocation("0")) as c:
        pass
    where = [trace_of(span.trace_id).info.experiment_id for span in (a, b, c)]
    assert where == [mine, other, "0"]
    with pytest.raises(InvalidValue, match="experiment"):
        tracing.set_destination("nowhere")


def test_work_in_threads_belongs_to_who_ordered_it() -> None:
    @pegboard.trace
    def work(x: int) -> int:
        return x

    with pegboard.start_span("root") as root, tracing.ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, range(5))) == list(range(5))
    spans = trace_of(root.trace_id).data.spans
    assert [span.parent_id for span in spans] == [None, *[root.span_id] * 5]


def test_a_span_processor_that_fails_or_is_none_harms_nothing() -> None:
    def fail(_span: object) -> None:
        raise RuntimeError

    with tracing.configure(span_processors=[fail]), pegboard.start_span("s") as span:
        pass
    assert trace_of(span.trace_id).info.state == "OK"
    for wrong in ("text", lambda: None):
        with pytest.raises(InvalidValue, match="span processor"):
            tracing.configure(span_processors=[wrong])  # type: ignore[list-item]


def test_what_is_switched_off_costs_and_keeps_nothing() -> None:
    tracing.disable()
    with pegboard.start_span("s") as span:
        span.set_inputs(1)
        assert pegboard.get_current_active_span() is None
    assert pegboard.trace(len)([1, 2]) == 2
    tracing.enable()
    assert isinstance(span, NoOpSpan)
    given = pegboard.log_feedback(trace_id=span.trace_id, value=1)
    assert given.assessment_id is None
