"""Estimates hold all that a request sends, and all that it lets a model say."""

from __future__ import annotations

from typing import Any

import pytest
from pegboard.contracts.llm import LLMRequest, Task
from pegboard_llm.estimate import most_output, prompt_tokens

TEXT = "word " * 4_000
LEAST = len(TEXT) // 4


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": TEXT},
        {"role": "user", "content": [{"type": "text", "text": TEXT}]},
        {"role": "user", "content": "x", "name": TEXT},
        {"role": "assistant", "content": None, "reasoning_content": TEXT},
        {"role": "assistant", "content": "x", "function_call": {"name": "f", "arguments": TEXT}},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": TEXT}}],
        },
        {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"input": TEXT}}]},
        {"role": "function", "name": "f", "content": TEXT},
    ],
)
def test_all_that_a_message_says_counts(message: Any) -> None:
    request = LLMRequest(Task.CHAT, "m", {"messages": [message]})
    assert LEAST <= prompt_tokens(request) < 2 * LEAST


def test_a_part_counts_as_what_it_is() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}, "text": "x"}
    file = {"type": "file", "file": {"file_data": TEXT}, "text": "x"}
    for part, least in ((image, 1_000), (file, 1_000 + len(TEXT) // 16)):
        body = {"messages": [{"role": "user", "content": [part]}]}
        assert prompt_tokens(LLMRequest(Task.CHAT, "m", body)) >= least


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"prompt": "x"}, 1_000),
        ({"prompt": [1, 2, 3], "max_tokens": 5}, 5),
        ({"prompt": ["a", "b"], "max_tokens": 5}, 10),
        ({"prompt": [[1], [2], [3]], "max_tokens": 5, "n": 2}, 30),
        ({"prompt": "x", "max_tokens": 5, "best_of": 20}, 100),
    ],
)
def test_each_choice_of_each_prompt_is_paid_for(body: Any, tokens: int) -> None:
    assert most_output(LLMRequest(Task.COMPLETION, "m", body), 1_000) == tokens


@pytest.mark.parametrize(
    ("body", "model", "tokens"),
    [
        ({}, None, None),
        ({}, 4_000, 4_000),
        ({"n": 3}, 4_000, 12_000),
        ({"max_tokens": 10}, None, 10),
        ({"max_completion_tokens": 10, "n": 2}, 4_000, 20),
        ({"max_tokens": 9_000}, 4_000, 9_000),
        ({"max_tokens": 90_000}, 4_000, 30_000),
    ],
)
def test_an_answer_is_limited_by_its_request_and_its_model(
    body: Any, model: int | None, tokens: int | None
) -> None:
    request = LLMRequest(Task.CHAT, "m", {"messages": [], **body})
    assert most_output(request, model, 30_000) == tokens
    assert most_output(LLMRequest(Task.EMBEDDING, "m", {"input": "x"}), model) == 0
