"""Money and the small entities."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.errors import InvalidValue
from pegboard_gateway import money
from pegboard_gateway.entities import Tokens


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        (1, 10**9),
        ("0.15", 150_000_000),
        (0.1, 100_000_000),
        ("1e-9", 1),
        (Decimal("0.6"), 6 * 10**8),
    ],
)
def test_dollars_become_nano_dollars(given: str, amount: int) -> None:
    assert money.of_dollars(given) == amount


@pytest.mark.parametrize("given", ["-1", "nan", "inf", "dear", "1e30", "-1e-9", None, ""])
def test_what_is_no_amount_is_refused(given: str) -> None:
    with pytest.raises(InvalidValue):
        money.of_dollars(given)


@given(st.integers(0, money.MOST))
def test_an_amount_is_written_so_that_it_is_read_back(amount: int) -> None:
    assert money.of_dollars(money.dollars(amount)) == amount
    assert Decimal(money.dollars(-amount)) == -Decimal(amount) / money.DOLLAR


@given(st.integers(0, 10**13), st.integers(0, 10**9))
def test_tokens_cost_their_price_rounded_up(price: int, tokens: int) -> None:
    exact = Decimal(price) * tokens / 1_000_000
    assert 0 <= money.of_tokens(price, tokens) - exact < 1


def test_usage_is_read_from_openais_form() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "estimated": True,
    }
    assert Tokens.of(usage) == Tokens(10, 5, 4, estimated=True)
    assert Tokens.of({"prompt_tokens": None, "prompt_tokens_details": None}) == Tokens()
    assert Tokens.of(None).total == 0
