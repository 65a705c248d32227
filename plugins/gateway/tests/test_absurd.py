"""Absurd numbers, a client's or a vendor's, change no counters but by what may be counted."""

from __future__ import annotations

import pytest
from pegboard.contracts.llm import Json
from pegboard_gateway.entities import MAX_TOKENS, Tokens
from pegboard_gateway.path.events import Counting


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": -5, "completion_tokens": -(10**30)}, Tokens(0, 0)),
        ({"prompt_tokens": 1e300, "completion_tokens": 2**64}, Tokens(MAX_TOKENS, MAX_TOKENS)),
        (
            {
                "prompt_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 10**9, "cache_write_tokens": 7},
            },
            Tokens(9, 0, 9),
        ),
        (
            {
                "prompt_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": -4, "cache_write_tokens": 12},
            },
            Tokens(9, 0, cache_write=9),
        ),
    ],
)
def test_counts_of_a_vendor_are_within_bounds(usage: Json, tokens: Tokens) -> None:
    assert Tokens.of(usage) == tokens


@pytest.mark.parametrize(
    "choice",
    [
        {"text": "abcdefgh"},
        {"delta": {"content": "abcdefgh"}},
        {"delta": {"content": "\u4f60\u597dab"}},
        {"delta": {"content": "abcd", "reasoning_content": "efgh"}},
        {"delta": {"refusal": "abcdefgh"}},
        {"delta": {"content": None, "tool_calls": [{"function": {"arguments": "abcdefgh"}}]}},
        {"delta": {"function_call": {"name": "abcd", "arguments": "efgh"}}},
    ],
)
def test_all_that_a_stream_said_before_its_client_left_counts(choice: Json) -> None:
    counting = Counting()
    counting.add([{"choices": [{"index": 0, **choice}]}])
    assert counting.so_far(5) == Tokens(5, 2, estimated=True)
