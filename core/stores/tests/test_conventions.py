"""Spans by other conventions: what MLflow's own server does not read, and texts that say too much.

What it does read is compared with it in the end-to-end tests.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from pegboard.entities.traces import Span, SpanEvent
from pegboard_stores.traces.conventions import translated
from pegboard_stores.traces.conventions.attributes import MOST_DEPTH, MOST_VALUES

INPUTS, OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"


def span(attributes: dict[str, Any], *events: SpanEvent) -> Span:
    return Span("tr-1", "1", "step", 1, 2, attributes=attributes, events=events)


LISTED = {
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.content": "How far?",
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "Be brief.",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "3 km",
}
FOUND = {
    "openinference.span.kind": "RETRIEVER",
    "retrieval.documents.0.document.content": "Ulm",
    "retrieval.documents.0.document.id": "7",
    "retrieval.documents.0.document.score": 0.5,
    "retrieval.documents.0.document.metadata": '{"page": 3}',
}


def test_messages_written_one_by_one_become_inputs_and_outputs() -> None:
    told = translated(span(LISTED)).attributes
    assert told[INPUTS] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How far?"},
    ]
    assert told[OUTPUTS] == [{"role": "assistant", "content": "3 km"}]


def test_documents_written_one_by_one_become_outputs() -> None:
    told = translated(span(FOUND)).attributes
    document = {"page_content": "Ulm", "metadata": {"page": 3}, "id": "7", "score": 0.5}
    assert told[OUTPUTS] == [document]


@pytest.mark.parametrize("attributes", [{}, {"http.method": "GET"}, {"mlflow.spanType": "LLM"}])
def test_a_span_of_no_convention_is_passed_on(attributes: dict[str, Any]) -> None:
    given = span(attributes, SpanEvent("exception", 1))
    assert translated(given) is given


DEEP = "[" * (MOST_DEPTH + 2) + "]" * (MOST_DEPTH + 2)
KEPT = {
    "too deep": DEEP,
    "far too deep": "[" * 100_000,
    "too many values": json.dumps([0] * (MOST_VALUES + 1)),
    "half of a surrogate pair": '["\\ud800"]',
    "NUL": '{"a": "\\u0000"}',
    "not a number": "[NaN]",
    "infinite": "[1e999]",
    "too long a number": f"[{'9' * 5000}]",
    "cut off": '{"a": ',
    "no JSON": "{{ prompt }}",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_a_text_that_cannot_be_read_stays_a_text(text: str) -> None:
    told = translated(span({"input.value": text, "mlflow.spanOutputs": text})).attributes
    assert (told[INPUTS], told[OUTPUTS]) == (text, text)


@pytest.mark.parametrize("value", [None, True, 0, 1.5, [], {}, [["a"]], {"a": 1}, "", "x"])
def test_no_value_of_any_attribute_is_too_odd(value: Any) -> None:
    names = ("openinference.span.kind", "gen_ai.operation.name", "gen_ai.usage.input_tokens",
             "llm.model_name", "gen_ai.system", "span.type", "ai.operationId", "mlflow.spanType",
             "mlflow.chat.tokenUsage", "mlflow.llm.model", "gen_ai.agent.name")  # fmt: skip
    attributes = dict.fromkeys(names, value)
    event = SpanEvent("gen_ai.choice", 1, {"content": value, "role": value})
    told = translated(span(attributes, event), lambda *_: {"total_cost": 1.0}).attributes
    assert {name: told[name] for name in names} == attributes
