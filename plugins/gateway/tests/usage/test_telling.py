"""Usage is told to Prometheus and OpenTelemetry."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pegboard_gateway.control.journal import Journal
from pegboard_gateway.control.rows import row_of
from pegboard_gateway.control.settling import Closed
from pegboard_gateway.entities import Attempt, Caller, Outcome, Tokens, UsageRecord
from pegboard_gateway.usage import spans
from pegboard_gateway.usage.metrics import Numbers
from pegboard_gateway.usage.writer import UsageWriter, open_database
from prometheus_client import CollectorRegistry

RECORD = UsageRecord(
    id="r",
    started_ms=1_700_000_000_000,
    endpoint="chat",
    task="llm/v1/chat",
    face="openai",
    outcome=Outcome.FAILED,
    status=503,
    trouble="overloaded",
    caller=Caller("k1", "ann"),
    provider="p",
    model="m",
    target="chat/0",
    tokens=Tokens(10, 20, 5, False, 3),
    cost=1_500_000_000,
    seconds=0.2,
    first_token_seconds=0.1,
    upstream_seconds=0.15,
    attempts=(
        Attempt(
            target="chat/0", provider="p", model="m", status=503, trouble="overloaded", seconds=0.15
        ),
    ),
)


def test_prometheus_reads_sums_of_all_that_was_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    writer = UsageWriter(open_database(tmp_path / "usage.db"), journal, keeps_levels=False)
    for n in range(3):
        writer.add(Closed(f"c{n}", row_of(RECORD, f"c{n}", admitted=True)))
        writer.flush()
    registry = CollectorRegistry()
    registry.register(Numbers(writer.database))
    model = {"endpoint": "chat", "provider": "p", "model": "m"}
    labels = {**model, "outcome": "failed", "status": "503"}

    def value(name: str, **more: str) -> float | None:
        return registry.get_sample_value(f"pegboard_gateway_{name}", more)

    assert value("calls_total", **labels) == 3
    assert value("tokens_total", **model, kind="output") == 60
    assert value("tokens_total", **model, kind="reasoning") == 9
    assert value("cost_dollars_total", **model) == 4.5
    assert value("unpriced_calls_total", **model) == 0
    assert value("call_seconds_bucket", **labels, le="0.1") == 0
    assert value("call_seconds_bucket", **labels, le="0.25") == 3
    assert value("call_seconds_bucket", **labels, le="+Inf") == 3
    assert value("streams_total", **model) == 3
    tried = {**model, "target": "chat/0", "trouble": "overloaded", "status": "503"}
    assert value("attempts_total", **tried) == 3
    assert value("attempt_seconds_total", **tried) == pytest.approx(0.45)
    writer.close()
    journal.close()


def test_a_call_is_a_span_with_one_for_each_attempt() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.emit(provider.get_tracer("test"), RECORD)
    attempt, call = exporter.get_finished_spans()
    assert call.name == "chat chat"
    assert call.attributes is not None
    assert call.attributes["gen_ai.usage.output_tokens"] == 20
    assert call.attributes["gen_ai.response.model"] == "m"
    assert call.attributes["pegboard.gateway.cost"] == 1.5
    assert (call.start_time, call.end_time) == (1_700_000_000 * 10**9, 1_700_000_000_200_000_000)
    assert call.status.status_code is StatusCode.ERROR
    assert attempt.parent is not None
    assert attempt.parent.span_id == call.context.span_id
    assert attempt.attributes is not None
    assert attempt.attributes["error.type"] == "overloaded"
    assert attempt.end_time - attempt.start_time == 150_000_000  # type: ignore[operator]
    spans.emit(provider.get_tracer("test"), evolve(RECORD, is_unpriced=True))
    assert "pegboard.gateway.cost" not in (exporter.get_finished_spans()[-1].attributes or {})
