"""Spans that OpenTelemetry's own SDK and exporter send to a server, and scripts that read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pegboard.config import Config
from pegboard.entities.traces import Span
from pegboard.host import Host
from served import serving

ASKED = [{"role": "user", "content": "How far?"}]
SAID = [{"role": "assistant", "content": "3 km"}]
MODEL = {"gen_ai.request.model": "gpt-4o-mini"}

CALLS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "generative": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            **MODEL,
            "gen_ai.input.messages": json.dumps(ASKED),
            "gen_ai.output.messages": json.dumps(SAID),
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 4,
        },
        ASKED,
        SAID,
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-mini",
            "llm.provider": "openai",
            "llm.token_count.prompt": 9,
            "llm.token_count.completion": 4,
            "input.value": json.dumps({"messages": ASKED}),
            "input.mime_type": "application/json",
            "output.value": json.dumps(SAID),
        },
        {"messages": ASKED},
        SAID,
    ),
    "Traceloop": (
        {
            "traceloop.span.kind": "task",
            "gen_ai.system": "openai",
            **MODEL,
            "traceloop.entity.input": json.dumps({"q": "How far?"}),
            "traceloop.entity.output": "3 km",
            "gen_ai.usage.prompt_tokens": 9,
            "gen_ai.usage.completion_tokens": 4,
        },
        {"q": "How far?"},
        "3 km",
    ),
}
KINDS = {"generative": "CHAT_MODEL", "OpenInference": "LLM", "Traceloop": "TASK"}
OWN = "mlflow.traceRequestId"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Span]]:
    """The spans by their names, as a client reads them from the server."""
    with serving(tmp_path_factory.mktemp("server")) as url:
        headers = {"x-mlflow-experiment-id": "0"}
        exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", headers=headers)
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = provider.get_tracer("library")
        with tracer.start_as_current_span("agent") as root:
            root.set_attribute("session.id", "s-1")
            root.set_attribute(OWN, "tr-own")
            for name, (attributes, _, _) in CALLS.items():
                with tracer.start_as_current_span(name, attributes=attributes):
                    pass
        provider.shutdown()
        host = Host(Config())
        traces = host.tracking_store(url).traces()
        [info] = traces.search(["0"])
        assert info.trace_metadata["mlflow.trace.session"] == "s-1"
        used = json.loads(info.trace_metadata["mlflow.trace.tokenUsage"])
        assert (used["input_tokens"], used["output_tokens"]) == (27, 12)
        assert json.loads(info.trace_metadata["mlflow.trace.cost"])["total_cost"] > 0
        yield {span.name: span for span in traces.get(info.trace_id).spans}
        host.close()


@pytest.mark.parametrize("name", CALLS)
def test_what_a_convention_says_is_read(found: dict[str, Span], name: str) -> None:
    given, inputs, outputs = CALLS[name]
    kept = found[name].attributes
    assert (found[name].span_type, kept["mlflow.spanInputs"]) == (KINDS[name], inputs)
    assert kept["mlflow.spanOutputs"] == outputs
    assert kept["mlflow.llm.model"] == "gpt-4o-mini"
    assert kept["mlflow.chat.tokenUsage"]["total_tokens"] == 13
    assert kept["mlflow.llm.cost"]["total_cost"] > 0
    # Where it was read from stays as it was sent.
    assert {key: kept[key] for key in given} == given


def test_the_request_id_that_a_span_came_with_is_kept(found: dict[str, Span]) -> None:
    root = found["agent"]
    assert root.attributes[OWN] == "tr-own"
    assert OWN not in found["generative"].attributes
    assert root.trace_id == found["generative"].trace_id != "tr-own"
