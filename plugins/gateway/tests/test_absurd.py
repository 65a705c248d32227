"""Absurd numbers, a client's or a vendor's, change no counters but by what may be counted."""

from __future__ import annotations

import pytest
from pegboard.contracts.llm import Json
from pegboard_gateway.entities import MAX_TOKENS, Tokens


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
