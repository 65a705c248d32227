"""Regular expressions in time that no pattern can stretch."""

from __future__ import annotations

import random
import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.errors import InvalidValue
from pegboard_stores.filters.budget import Budget
from pegboard_stores.filters.regex import PatternError, compile_pattern

_pieces = st.sampled_from(
    ["a", "b", ".", "*", "+", "?", "|", "(", ")", "(?:", "[ab]", "[^a]", "[a-c]", "{2}", "{1,}",
     "{0,2}", "^", "$", "\\d", "\\W", "\\s", "\\.", "é", " ", "*?"]
)  # fmt: skip
_texts = st.text("ab.c1 é", max_size=12)


@given(st.lists(_pieces, max_size=8).map("".join), st.lists(_texts, max_size=5))
@settings(max_examples=500, deadline=None)
def test_an_accepted_pattern_means_what_it_means_to_python(pattern: str, texts: list[str]) -> None:
    try:
        ours = compile_pattern(pattern)
    except PatternError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = re.compile(pattern)
    for text in texts:
        assert ours.search(text) == bool(theirs.search(text))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a+)+$", "a" * 5000 + "b"), ("(a*)*b", "a" * 5000), (".*.*.*.*.*x", "a" * 5000)],
)
def test_patterns_that_hang_others_are_answered(pattern: str, text: str) -> None:
    assert not compile_pattern(pattern).search(text)


def test_a_pattern_with_too_many_states_is_given_up_and_may_be_tried_again() -> None:
    text = "".join(random.Random(1).choices("ab", k=20_000))
    for _ in range(2):
        budget = Budget(1_000_000)
        pattern = compile_pattern("^(a|b)*a(a|b){400}c", budget)
        with pytest.raises(InvalidValue, match="take too long"):
            pattern.search(text)
        assert budget.is_exceeded


def test_case_can_be_ignored() -> None:
    assert compile_pattern("(?i)RES[A-Z]+é").search("my resnetÉ")
    assert not compile_pattern("RES").search("res")


@pytest.mark.parametrize(
    ("pattern", "position"),
    [
        ("(", 0), (")", 0), ("[a", 0), ("*a", 0), ("a**", 2), ("^*", 1), ("a{3,1}", 1),
        ("(?=a)", 0),
        ("\\1", 0), ("\\b", 0), ("a\\", 1), ("[b-a]", 1), ("\\xZZ", 0), ("x" * 1001, 1000),
        ("(a{99}){99}", 0), ("a{99999}", 1), ("((){9999}){9999}", 0), ("((a{0}){9999}){9999}", 0),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_at_its_place(pattern: str, position: int) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)
    assert caught.value.position == position
