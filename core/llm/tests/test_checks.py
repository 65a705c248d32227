"""What clients may ask: types and ranges of fields, each fault with its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pegboard.contracts.llm import LLMError, LLMRequest, Task, Trouble
from pegboard_llm import estimate
from pegboard_llm.checks import NO_OPS, checked, refuse_others

SAID = [{"role": "user", "content": "Hello"}]
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def fault(task: Task, body: Any) -> LLMError:
    with pytest.raises(LLMError) as raised:
        checked(task, body)
    assert raised.value.trouble is Trouble.INVALID
    return raised.value


@pytest.mark.parametrize(
    "body",
    [
        {"messages": SAID},
        {"messages": SAID, "temperature": 2, "top_p": 0.0, "n": 128, "seed": -5, "stop": "x"},
        {"messages": SAID, "stop": ["a", "b"], "logit_bias": {"5": -100}, "user": "u"},
        {"messages": SAID, "stream": True, "stream_options": {"include_usage": True}},
        {"messages": SAID, "tools": TOOLS, "tool_choice": "required"},
        {
            "messages": SAID,
            "tools": TOOLS,
            "tool_choice": {"type": "function", "function": {"name": "f"}},
        },
        {"messages": SAID, "logprobs": True, "top_logprobs": 20},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, IMAGE]}]},
        {
            "messages": [
                {"role": "developer", "content": "x"},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "y"}]},
            ]
        },
        {
            "messages": SAID,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {}, "strict": None},
            },
        },
        {"messages": SAID, "of_another_server": [1, {"a": None}]},
    ],
)
def test_what_openai_takes_passes(body: dict[str, Any]) -> None:
    request = checked(Task.CHAT, {"model": "m", **body}, "vendors-name")
    assert request.model == "vendors-name"
    assert request.stream == body.get("stream", False)
    ours = ("model", "stream", "stream_options")
    assert request.body == {key: value for key, value in body.items() if key not in ours}


@pytest.mark.parametrize(
    ("field", "wrong", "param"),
    [
        ("messages", [], "messages"),
        ("messages", "hello", "messages"),
        ("messages", ["x"], "messages[0]"),
        ("messages", [{"content": "x"}], "messages[0].role"),
        ("messages", [{"role": "robot", "content": "x"}], "messages[0].role"),
        ("messages", [{"role": ["user"], "content": "x"}], "messages[0].role"),
        ("messages", [{"role": "user"}], "messages[0].content"),
        ("messages", [{"role": "user", "content": 7}], "messages[0].content"),
        ("messages", [{"role": "user", "content": []}], "messages[0].content"),
        ("messages", [{"role": "user", "content": [{"type": "x"}]}], "messages[0].content[0].type"),
        (
            "messages",
            [{"role": "user", "content": [{"type": "text"}]}],
            "messages[0].content[0].text",
        ),
        (
            "messages",
            [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "file:///etc/x"}}],
                }
            ],
            "messages[0].content[0].image_url.url",
        ),
        ("messages", [{"role": "system", "content": [IMAGE]}], "messages[0].content[0].type"),
        ("messages", [{"role": "assistant"}], "messages[0].content"),
        (
            "messages",
            [{"role": "assistant", "tool_calls": [{"function": {}}]}],
            "messages[0].tool_calls[0].id",
        ),
        ("messages", [{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
        ("model", 7, "model"),
        ("temperature", 2.1, "temperature"),
        ("temperature", "1", "temperature"),
        ("temperature", True, "temperature"),
        ("temperature", float("nan"), "temperature"),
        ("top_p", -0.1, "top_p"),
        ("n", 0, "n"),
        ("n", 1.0, "n"),
        ("n", True, "n"),
        ("max_tokens", 0, "max_tokens"),
        ("max_tokens", 2**31, "max_tokens"),
        ("max_completion_tokens", 2**64 - 1, "max_completion_tokens"),
        ("stop", [], "stop"),
        ("stop", ["a", 1], "stop[1]"),
        ("stop", ["x"] * 17, "stop"),
        ("stream", 1, "stream"),
        ("stream_options", {"include_usage": True}, "stream_options"),
        ("logit_bias", {"5": 200}, "logit_bias.5"),
        ("tools", [], "tools"),
        ("tools", [{"type": "magic"}], "tools[0].type"),
        ("tools", [{"type": "function"}], "tools[0].function"),
        (
            "tools",
            [{"type": "function", "function": {"name": "a b"}}],
            "tools[0].function.name",
        ),
        ("tool_choice", "auto", "tool_choice"),
        ("top_logprobs", 2, "top_logprobs"),
        ("response_format", {"type": "xml"}, "response_format.type"),
        ("response_format", {"type": "json_schema"}, "response_format.json_schema"),
        ("reasoning_effort", "enormous", "reasoning_effort"),
        ("metadata", {"a": 1}, "metadata.a"),
    ],
)
def test_a_wrong_field_is_named_with_its_place(field: str, wrong: Any, param: str) -> None:
    error = fault(Task.CHAT, {"messages": SAID, field: wrong})
    assert error.param == param
    assert len(str(error)) < 300


def test_fields_are_checked_together() -> None:
    named = {"type": "function", "function": {"name": "other"}}
    both = {"messages": SAID, "max_tokens": 5, "max_completion_tokens": 5}
    assert fault(Task.CHAT, both).param == "max_tokens"
    body = {"messages": SAID, "tools": TOOLS, "tool_choice": named}
    assert fault(Task.CHAT, body).param == "tool_choice"
    assert fault(Task.CHAT, {}).param == "messages"


@pytest.mark.parametrize("value", ["x", ["x", "y"], [1, 2], [[1], [2]], [5] * 5000])
def test_texts_and_tokens_are_completed_and_embedded(value: Any) -> None:
    assert checked(Task.COMPLETION, {"prompt": value}).body == {"prompt": value}
    assert checked(Task.EMBEDDING, {"input": value}).body == {"input": value}


@pytest.mark.parametrize("value", [[], 7, [1, "x"], [[]], [[-1]], [None], {}, ["x"] * 2049, None])
def test_what_is_neither_text_nor_tokens_is_refused(value: Any) -> None:
    assert fault(Task.EMBEDDING, {"input": value}).param.startswith("input")


def test_embeddings_are_not_streamed() -> None:
    assert fault(Task.EMBEDDING, {"input": "x", "stream": True}).param == "stream"


@pytest.mark.parametrize("body", [None, [], "x", 7])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    fault(Task.CHAT, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    """messages tools tool_choice response_format stop n stream stream_options logit_bias metadata
    functions function_call modalities temperature prompt input""".split()  # noqa: SIM905
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(Task)), st.dictionaries(FIELDS, JSON, max_size=4))
def test_no_body_is_a_fault_of_ours(task: Task, body: dict[str, Any]) -> None:
    try:
        assert isinstance(checked(task, body), LLMRequest)
    except LLMError as error:
        assert error.trouble is Trouble.INVALID


TAKES = {Task.CHAT: frozenset({"messages", "temperature"})}


def test_a_field_that_is_not_taken_is_named_with_who_does_not() -> None:
    request = LLMRequest(Task.CHAT, "small", {"messages": SAID, "seed": 1})
    with pytest.raises(LLMError) as raised:
        refuse_others(request, TAKES, "acme")
    assert raised.value.trouble is Trouble.UNSUPPORTED
    assert raised.value.param == "seed"
    assert "'seed'" in str(raised.value)
    assert "acme" in str(raised.value)
    assert "'small'" in str(raised.value)


def test_a_task_that_is_not_offered_is_named() -> None:
    request = LLMRequest(Task.EMBEDDING, "small", {"input": "x"})
    with pytest.raises(LLMError, match=r"llm/v1/embeddings.*\n.*llm/v1/chat"):
        refuse_others(request, TAKES, "acme")


def test_a_field_that_says_what_holds_anyway_passes() -> None:
    refuse_others(LLMRequest(Task.CHAT, "m", {"messages": SAID, **NO_OPS}), TAKES, "acme")
    with pytest.raises(LLMError):
        refuse_others(LLMRequest(Task.CHAT, "m", {"messages": SAID, "n": 2}), TAKES, "acme")


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from("system developer user assistant tool function".split())},  # noqa: SIM905
        optional={
            "content": JSON
            | st.lists(
                st.fixed_dictionaries(
                    {"type": st.sampled_from(["text", "refusal", "image_url", "file"])},
                    optional={"text": JSON, "refusal": JSON, "image_url": JSON, "file": JSON},
                ),
                max_size=2,
            ),
            "name": JSON,
            "tool_call_id": st.text(max_size=3),
            "tool_calls": JSON | st.just([{**CALL, "custom": {}, "type": "custom"}]),
            "function_call": JSON,
            "audio": JSON,
            "refusal": JSON,
        },
    ),
    min_size=1,
    max_size=2,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MESSAGES)
def test_what_passes_the_checks_is_estimated(messages: list[Any]) -> None:
    try:
        request = checked(Task.CHAT, {"messages": messages})
        assert estimate.prompt_tokens(request) >= 4 * len(messages)
    except LLMError as error:
        assert error.trouble is Trouble.INVALID
