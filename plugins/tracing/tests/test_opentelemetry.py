"""Spans of OpenTelemetry and ours: one trace, in the store and in OpenTelemetry's exporters."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pegboard
import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from pegboard_stores.traces.conventions import translated
from pegboard_tracking.wire import otlp

Tree = list[tuple[str, str | None]]


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    made = TracerProvider()
    pegboard.tracing.use_opentelemetry(made)
    yield made
    pegboard.tracing.use_opentelemetry(disable=True)


@pytest.fixture
def exported(provider: TracerProvider) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
def theirs(provider: TracerProvider) -> otel.Tracer:
    return provider.get_tracer("test")


def stored(trace_id: str) -> Tree:
    spans = pegboard.get_trace(trace_id).data.spans
    names = {span.span_id: span.name for span in spans}
    return [(span.name, names.get(span.parent_id or "")) for span in spans]


def sent(exporter: InMemorySpanExporter) -> Tree:
    spans = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
    assert len({span.get_span_context().trace_id for span in spans}) == 1
    names = {span.get_span_context().span_id: span.name for span in spans}
    return [(span.name, names.get(span.parent.span_id) if span.parent else None) for span in spans]


def test_spans_are_within_one_another_whoever_began_them(
    exported: InMemorySpanExporter, theirs: otel.Tracer
) -> None:
    @pegboard.trace
    def innermost() -> None:
        with theirs.start_as_current_span("leaf"):
            pass

    with pegboard.start_span("root") as root:
        with theirs.start_as_current_span("theirs"):
            with pegboard.start_span("ours"), theirs.start_as_current_span("again"):
                innermost()
            with theirs.start_as_current_span("second"):
                pass
        with theirs.start_as_current_span("third"):
            pass
    expected = [
        ("root", None),
        ("theirs", "root"),
        ("ours", "theirs"),
        ("again", "ours"),
        ("innermost", "again"),
        ("leaf", "innermost"),
        ("second", "theirs"),
        ("third", "root"),
    ]
    assert stored(root.trace_id) == expected
    assert sent(exported) == expected


def test_a_trace_that_opentelemetry_begins_is_kept_with_what_its_conventions_say(
    exported: InMemorySpanExporter, theirs: otel.Tracer
) -> None:
    given: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 1_000_000,
        "gen_ai.usage.output_tokens": 0,
        "mlflow.traceRequestId": "tr-own",
    }
    with theirs.start_as_current_span("chat", attributes=given) as span:
        span.add_event("gen_ai.user.message", {"content": "How far?"})
        with pegboard.start_span("ours"):
            pass
    trace_id = f"tr-{span.get_span_context().trace_id:032x}"
    trace = pegboard.get_trace(trace_id)
    first, second = trace.data.spans
    assert (first.span_type, first.inputs) == (
        "CHAT_MODEL",
        [{"role": "user", "content": "How far?"}],
    )
    assert first.get_attribute("mlflow.llm.cost")["total_cost"] == 0.15
    assert second.parent_id == first.span_id
    # It came with one of its own, which is kept; MLflow's protocol has the trace's there.
    assert (first.trace_id, first.get_attribute("mlflow.traceRequestId")) == (trace_id, "tr-own")
    assert trace.info.state == "OK"


def test_what_is_said_of_a_trace_that_opentelemetry_begins_is_kept(theirs: otel.Tracer) -> None:
    said = pegboard.tracing.context(tags={"a": "around"}, metadata={"b": "around"})
    with pegboard.start_run() as run, said, theirs.start_as_current_span("root") as span:
        pegboard.update_current_trace(tags={"c": "theirs"}, session_id="s", user="u")
        with pegboard.start_span("ours"):
            pegboard.update_current_trace(client_request_id="asked", request_preview="shown")
        pegboard.set_trace_tag(f"tr-{span.get_span_context().trace_id:032x}", "d", "by id")
        span.set_attribute("gen_ai.output.messages", "done")
    trace_id = pegboard.get_last_active_trace_id()
    assert trace_id == f"tr-{span.get_span_context().trace_id:032x}"
    info = pegboard.get_trace(trace_id).info
    assert {key: info.tags.get(key) for key in "acd"} == {
        "a": "around",
        "c": "theirs",
        "d": "by id",
    }
    assert info.tags["mlflow.traceName"] == "root"
    told = {"b": "around", "mlflow.trace.session": "s", "mlflow.trace.user": "u"}
    assert told.items() <= info.trace_metadata.items()
    assert info.trace_metadata["mlflow.sourceRun"] == run.info.run_id
    assert (info.client_request_id, info.request_preview) == ("asked", "shown")
    assert (info.state, info.response_preview) == ("OK", '"done"')


def test_ours_have_attributes_status_and_events_there(
    exported: InMemorySpanExporter, theirs: otel.Tracer
) -> None:
    with pytest.raises(ValueError, match="no"), pegboard.start_span("root", "TOOL") as span:
        span.set_inputs({"a": [1]})
        raise ValueError("no")
    [found] = exported.get_finished_spans()
    assert found.attributes is not None
    # As MLflow's SDK writes them, so that its server and ours read them.
    assert found.attributes["mlflow.spanInputs"] == '{"a": [1]}'
    assert found.attributes["mlflow.spanType"] == '"TOOL"'
    assert (found.status.status_code, found.status.description) == (
        otel.StatusCode.ERROR,
        "ValueError: no",
    )
    assert [event.name for event in found.events] == ["exception"]


def test_a_context_is_carried_to_another_thread(theirs: otel.Tracer) -> None:
    def work(context: otel_context.Context) -> None:
        token = otel_context.attach(context)
        with pegboard.start_span("there"):
            pass
        otel_context.detach(token)
        assert pegboard.get_current_active_span() is None

    with pegboard.start_span("root") as root:
        thread = Thread(target=work, args=(otel_context.get_current(),))
        thread.start()
        thread.join()
    assert stored(root.trace_id) == [("root", None), ("there", "root")]


def test_where_nothing_is_traced_opentelemetry_goes_on(
    exported: InMemorySpanExporter, theirs: otel.Tracer
) -> None:
    off = pegboard.tracing.context(enabled=False)
    with off, pegboard.start_span("none"), theirs.start_as_current_span("theirs") as span:
        pass
    assert sent(exported) == [("theirs", None)]
    assert pegboard.get_trace(f"tr-{span.get_span_context().trace_id:032x}") is None


def test_it_can_be_undone(exported: InMemorySpanExporter, theirs: otel.Tracer) -> None:
    pegboard.tracing.use_opentelemetry(disable=True)
    with pegboard.start_span("root") as root, theirs.start_as_current_span("theirs"):
        pass
    assert stored(root.trace_id) == [("root", None)]
    assert sent(exported) == [("theirs", None)]


def test_an_exporter_is_a_destination() -> None:
    exporter = InMemorySpanExporter()
    pegboard.tracing.set_destination(exporter)
    with pegboard.start_span("root") as root, pegboard.start_span("inner"):
        pass
    pegboard.tracing.reset()
    assert sent(exporter) == [("root", None), ("inner", "root")]
    assert pegboard.get_trace(root.trace_id) is None
    with pegboard.start_span("kept") as kept:
        pass
    assert stored(kept.trace_id) == [("kept", None)]
    assert len(exporter.get_finished_spans()) == 2


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Set the provider of the process, which samples only what others have sampled."""
    exporter, made = InMemorySpanExporter(), TracerProvider(sampler=ParentBased(ALWAYS_OFF))
    made.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(otel, "_TRACER_PROVIDER", made)
    pegboard.tracing.reset()
    yield exporter
    pegboard.tracing.use_opentelemetry(disable=True)


def sampled(wanted: bool) -> otel_context.Context:
    """Return a context in which another process has begun a trace."""
    flags = otel.TraceFlags(otel.TraceFlags.SAMPLED if wanted else otel.TraceFlags.DEFAULT)
    return otel.set_span_in_context(
        otel.NonRecordingSpan(otel.SpanContext(0xABC, 0xDEF, True, flags))
    )


def test_the_provider_of_the_process_gets_spans_without_a_call(
    outside: InMemorySpanExporter,
) -> None:
    theirs = otel.get_tracer("test")
    with theirs.start_as_current_span("request", sampled(True)) as request:
        for name in ("first", "second"):
            with pegboard.start_span(name) as root:
                pegboard.update_current_trace(tags={"a": "b"})
                with (
                    theirs.start_as_current_span(f"{name} query"),
                    pegboard.start_span(f"{name} rows"),
                ):
                    pass
                root.set_inputs("How far?")
    assert sorted(sent(outside)) == [
        ("first", "request"),
        ("first query", "first"),
        ("first rows", "first query"),
        ("request", None),
        ("second", "request"),
        ("second query", "second"),
        ("second rows", "second query"),
    ]
    # The store has a trace of each, as it has without OpenTelemetry.
    assert stored(root.trace_id) == [("second", None), ("second rows", "second")]
    told = pegboard.get_trace(root.trace_id).info
    assert (told.request_preview, told.tags["a"]) == ('"How far?"', "b")
    [found] = [each for each in outside.get_finished_spans() if each.name == "second"]
    assert found.attributes is not None
    assert found.attributes["mlflow.traceRequestId"] == f'"{root.trace_id}"'
    assert found.get_span_context().trace_id == request.get_span_context().trace_id


@pytest.mark.parametrize("around", [sampled(False), otel_context.Context()])
def test_the_sampling_of_the_provider_is_for_its_exporters(
    outside: InMemorySpanExporter, around: otel_context.Context
) -> None:
    token = otel_context.attach(around)
    with pegboard.start_span("root") as root, otel.get_tracer("test").start_as_current_span("in"):
        pass
    otel_context.detach(token)
    assert outside.get_finished_spans() == ()
    assert stored(root.trace_id) == [("root", None)]


def test_spans_can_be_kept_from_the_provider_of_the_process(
    outside: InMemorySpanExporter,
) -> None:
    pegboard.tracing.use_opentelemetry(disable=True)
    token = otel_context.attach(sampled(True))
    with pegboard.start_span("root"):
        pass
    otel_context.detach(token)
    assert outside.get_finished_spans() == ()


SENDING = """
import pegboard
with pegboard.start_span("root") as span:
    span.set_outputs("done")
print(pegboard.get_trace(span.trace_id) is not None)
"""


@pytest.mark.parametrize("dual", ["false", "true"])
def test_the_environment_sends_traces_to_a_collector(
    store: str, monkeypatch: pytest.MonkeyPatch, dual: str
) -> None:
    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        place = f"http://127.0.0.1:{server.server_port}/v1/traces"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", place)
        monkeypatch.setenv("MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT", dual)
        done = subprocess.run(
            [sys.executable, "-c", SENDING], capture_output=True, text=True, check=True
        )
        thread.join()
    assert done.stdout.split() == [str(dual == "true")]
    [batch] = otlp.read_binary(bodies[0])
    [span] = map(translated, batch.spans)
    assert (span.name, span.attributes["mlflow.spanOutputs"]) == ("root", "done")


WITHOUT = """
import sys
sys.modules["opentelemetry.sdk"] = None
import pegboard
with pegboard.start_span("a"):
    pass
print("opentelemetry" in sys.modules)
try:
    pegboard.tracing.use_opentelemetry()
except pegboard.errors.PegboardError as error:
    print(error)
"""


def test_nothing_of_it_is_loaded_before_it_is_asked_for(store: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    loaded, said = done.stdout.splitlines()[:2]
    assert loaded == "False"
    assert "needs its SDK" in said
