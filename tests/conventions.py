"""Spans as libraries write them, by convention: what a server of traces is to read as MLflow does.

Each is (name, attributes, events); the first of a trace encloses the others.
"""

from __future__ import annotations

import json
from typing import Any

import requests

Traces = dict[str, dict[str, Any]]
"""What a server says, by the names of traces."""
Step = tuple[str, dict[str, Any], list[tuple[str, dict[str, Any]]]]

_MESSAGES = json.dumps([{"role": "user", "content": "How far is it?"}])
_GEMINI_PARTS = json.dumps([{"role": "user", "parts": [{"text": "hi"}]}])


def _step(attributes: dict[str, Any], *events: tuple[str, dict[str, Any]]) -> Step:
    return "step", attributes, list(events)


TRACES: dict[str, list[Step]] = {
    "no convention": [
        _step({"http.method": "GET", "n": 5, "list": ["a", "b"]}),
        _step({"db.statement": '{"a": 1}'}, ("exception", {"message": "no"})),
    ],
    "generative, attributes": [
        _step({
            "gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "c-7",
            "gen_ai.input.messages": _MESSAGES, "user.id": "kim",
        }),
        _step({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-mini",
            "gen_ai.input.messages": _MESSAGES,
            "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": ["3 km"]}]),
            "gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 70,
            "gen_ai.usage.cache_read.input_tokens": 200,
            "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "map"}]),
        }),
        _step({
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": '{"to": "Ulm"}',
            "gen_ai.tool.call.result": "3 km",
        }),
        _step({
            "gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small",
            "gen_ai.usage.input_tokens": "12",
        }),
        _step({"gen_ai.operation.name": "strange", "gen_ai.usage.cache_creation.input_tokens": 4}),
        _step({"gen_ai.usage.output_tokens": 3, "gen_ai.usage.cache_creation.input_tokens": 4}),
    ],
    "generative, events": [
        _step(
            {
                "gen_ai.operation.name": "chat", "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 10,
                "gen_ai.usage.output_tokens": 20,
            },
            ("gen_ai.system.message", {"content": "Be brief."}),
            ("gen_ai.user.message", {"content": "How far?", "role": "user"}),
            ("gen_ai.assistant.message", {"content": "Where to?"}),
            ("gen_ai.user.message", {"content": '[{"type": "text", "text": "Ulm"}]'}),
            ("gen_ai.choice", {"index": 0, "content": "3 km"}),
            ("gen_ai.choice", {"index": 1, "role": "robot", "content": '{"km": 3}'}),
        ),
        _step(
            {"gen_ai.operation.name": "chat"},
            ("gen_ai.content.prompt", {"gen_ai.prompt": "How far?"}),
            ("gen_ai.content.completion", {"gen_ai.completion": "3 km"}),
        ),
    ],
    "OpenInference": [
        _step({
            "openinference.span.kind": "CHAIN", "input.value": "How far?", "output.value": "3 km",
            "input.mime_type": "text/plain", "session.id": "s-1",
        }),
        _step({
            "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini",
            "llm.provider": "openai", "llm.token_count.prompt": 50,
            "llm.token_count.completion": 5, "llm.token_count.total": 55,
            "llm.token_count.prompt_details.cache_read": 10,
            "input.value": json.dumps({"messages": json.loads(_MESSAGES)}),
            "input.mime_type": "application/json", "output.value": '["3 km"]',
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "How far?",
            "llm.invocation_parameters": '{"temperature": 0}',
        }),
        *(
            _step({"openinference.span.kind": kind, "input.value": value})
            for kind, value in (
                ("RETRIEVER", "5"), ("EMBEDDING", "[]"), ("TOOL", "null"), ("AGENT", "true"),
                ("RERANKER", '"quoted"'), ("GUARDRAIL", ""), ("EVALUATOR", "{broken"),
                ("UNKNOWN", " [1]"), ("PROMPT", '{"a": {}}'),
            )
        ),
        _step({"llm.response.model_name": "b", "llm.model_name": "a", "input.value": True}),
    ],
    "Traceloop": [
        _step({
            "traceloop.span.kind": "workflow", "traceloop.entity.name": "ask",
            "traceloop.entity.input": '{"inputs": {"q": 1}}', "traceloop.entity.output": "done",
        }),
        _step({
            "llm.request.type": "chat", "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o-mini", "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.", "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "How far?", "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "3 km", "gen_ai.completion.0.finish_reason": "stop",
            "gen_ai.usage.prompt_tokens": 9, "gen_ai.usage.completion_tokens": 4,
            "llm.usage.total_tokens": 13,
        }),
        _step({"gen_ai.completion.0.tool_calls.0.arguments": '{"to": "Ulm"}'}),
        *(_step({"traceloop.span.kind": kind}) for kind in ("task", "agent", "tool", "unknown")),
        _step({"llm.usage.total_tokens": 13}),
    ],
    "Google ADK": [
        _step({"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "gcp.vertex.agent"}),
        _step({
            "gcp.vertex.agent.llm_request": '{"contents": []}', "gen_ai.request.model": "gemini-x",
            "gcp.vertex.agent.llm_response": '{"content": {"parts": [{"text": "3 km"}]}}',
        }),
        _step({
            "gen_ai.operation.name": "execute_tool",
            "gcp.vertex.agent.tool_call_args": '{"to": "Ulm"}',
            "gcp.vertex.agent.tool_response": '{"km": 3}',
        }),
    ],
    "Vercel's AI SDK": [
        _step({
            "ai.operationId": "ai.generateText", "ai.prompt": '{"prompt": "How far?"}',
            "ai.response.text": "3 km", "gen_ai.usage.input_tokens": 4,
        }),
        _step({
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.prompt.messages": _MESSAGES, "ai.prompt.toolChoice": '{"type": "auto"}',
            "ai.prompt.tools": ['{"name": "map"}'], "ai.response.text": "3 km",
            "ai.response.toolCalls": '[{"toolName": "map"}]', "ai.model.id": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini", "gen_ai.system": "openai.chat",
            "gen_ai.usage.input_tokens": 4, "gen_ai.usage.output_tokens": 2,
        }),
        _step({
            "ai.operationId": "ai.toolCall", "ai.toolCall.args": '{"to": "Ulm"}',
            "ai.toolCall.result": '"3 km"',
        }),
        _step({"ai.operationId": "ai.embed", "ai.value": '"text"', "ai.embedding": "[0.5]"}),
        _step({"ai.operationId": "ai.generateObject", "ai.response.object": '{"km": 3}'}),
    ],
    "Gemini CLI and Claude Code": [
        _step({"span.type": "claude_code.interaction", "user_prompt": "<REDACTED>"}),
        _step({
            "span.type": "llm_request", "new_context": "How far?", "response.model_output": "3",
            "input_tokens": 3, "output_tokens": 2, "cache_read_tokens": 5,
            "cache_creation_tokens": "7",
        }),
        _step({"span.type": "tool", "tool_input": '{"a": 1}'}, ("tool.output", {"output": "ok"})),
        _step({"span.type": "claude_code.tool", "file_path": "/a", "full_command": "ls"}),
        _step({
            "gen_ai.agent.name": "gemini-cli", "gen_ai.operation.name": "llm_call",
            "gen_ai.input.messages": _GEMINI_PARTS, "gen_ai.output.messages": _GEMINI_PARTS,
        }),
        _step({
            "gen_ai.agent.name": "gemini-cli", "gen_ai.operation.name": "tool_call",
            "gen_ai.input.messages": "plain",
        }),
    ],
    "others": [
        _step({
            "entity.type": "agent", "voltagent.operation_id": "1", "agent.messages": _MESSAGES,
            "output": "3 km", "usage.prompt_tokens": 3, "usage.completion_tokens": 4,
        }),
        _step({"span.type": "memory", "entity.type": "agent", "input": '{"a": 1}'}),
        _step({"lk.agent_name": "kim", "lk.user_input": "How far?", "lk.response.text": "3 km"}),
        _step({"lk.function_tool.name": "map"}),
        _step({"lmnr.span.type": "DEFAULT", "lmnr.span.input": "[1]", "lmnr.span.output": "2"}),
        _step({"langfuse.observation.type": "generation", "langfuse.observation.input": "a"}),
    ],
    "MLflow's own": [
        _step({
            "mlflow.spanType": "CHAIN", "mlflow.spanInputs": '{"a": [1]}',
            "mlflow.spanOutputs": "plain", "openinference.span.kind": "LLM",
            "input.value": "not this", "mlflow.traceRequestId": "tr-other",
        }),
        _step({
            "mlflow.spanType": '"UNKNOWN"', "mlflow.spanInputs": '{"model": "gpt-4o-mini"}',
            "mlflow.chat.tokenUsage": '{"input_tokens": 8, "output_tokens": 1, "total_tokens": 9}',
            "openinference.span.kind": "LLM",
        }),
        _step({
            "mlflow.traceRequestId": '"tr-other"', "mlflow.spanInputs": '"text"',
            "mlflow.spanOutputs": '{"b": 2}', "mlflow.spanType": '"TOOL"',
        }),
        _step({"mlflow.llm.cost": '{"input_cost": 1.5}', "mlflow.llm.model": "gpt-4o-mini"}),
    ],
}  # fmt: skip


def request() -> dict[str, Any]:
    """Return all of it as one request of OpenTelemetry's protocol in JSON."""
    spans = []
    for at, steps in enumerate(TRACES.values(), 1):
        for n, (name, attributes, events) in enumerate(steps, 1):
            start = 1_700_000_000_000_000_000 + at * 1_000_000_000 + n * 1_000_000
            span = {
                "traceId": _id(at), "spanId": f"{n:016x}", "name": name,
                "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 5_000_000),
                "attributes": _pairs(attributes),
                "events": [
                    {"name": event, "timeUnixNano": str(start), "attributes": _pairs(more)}
                    for event, more in events
                ],
            }  # fmt: skip
            spans.append(span if n == 1 else {**span, "parentSpanId": f"{1:016x}"})
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def sent(url: str) -> Traces:
    """Send it all to a server; return what it makes of it."""
    headers = {"x-mlflow-experiment-id": "0"}
    answer = requests.post(f"{url}/v1/traces", json=request(), headers=headers, timeout=60)
    assert answer.ok, answer.text
    return {name: _told(url, name) for name in TRACES}


def _told(url: str, name: str) -> dict[str, Any]:
    metadata = _trace(url, name)["trace_info"].get("trace_metadata") or {}
    sums = ("mlflow.trace.tokenUsage", "mlflow.trace.cost")
    return {
        "state": _trace(url, name)["trace_info"]["state"],
        "metadata": {
            key: _rounded(json.loads(value)) if key in sums else value
            for key, value in metadata.items()
        },
        "spans": [
            {key: _rounded(value) for key, value in step.items() if key.startswith("mlflow.")}
            for step in attributes(url, name)
        ],
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return round(value, 12) if isinstance(value, float) else value


def attributes(url: str, name: str) -> list[dict[str, Any]]:
    """Return the attributes of a trace's spans."""
    return [
        {pair["key"]: _read_value(pair["value"]) for pair in span["attributes"]}
        for span in _trace(url, name)["spans"]
    ]


def _trace(url: str, name: str) -> dict[str, Any]:
    asked = {"trace_id": trace_id(name)}
    answer = requests.get(f"{url}/api/3.0/mlflow/traces/get", params=asked, timeout=60)
    found: dict[str, Any] = answer.json()["trace"]
    return found


def trace_id(name: str) -> str:
    """Return the id of a trace by its name."""
    return f"tr-{_id([*TRACES].index(name) + 1)}"


def _id(number: int) -> str:
    return f"{0xC0FFEE << 64 | number:032x}"


def _pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"stringValue": value}


def _read_value(value: dict[str, Any]) -> Any:
    """Return a value as MLflow's protocol has it."""
    for name, found in value.items():
        if name == "array_value":
            return [_read_value(item) for item in found.get("values", [])]
        if name == "kvlist_value":
            return {pair["key"]: _read_value(pair["value"]) for pair in found.get("values", [])}
        return int(found) if name == "int_value" else found
    return None
