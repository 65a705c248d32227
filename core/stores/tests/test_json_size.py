"""How much JSON text holds, against what a parser makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard_stores.json_size import has_more_containers, has_more_values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\,:[]{}\n é'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='a"\\,:{'), inner),
    max_leaves=30,
)


def counted(value: Any) -> tuple[int, int, int]:
    """Return how many names and values there are, how many containers, and how many are empty."""
    if not isinstance(value, (list, dict)):
        return 1, 0, 0
    inner = list(value.values()) if isinstance(value, dict) else value
    found = [counted(each) for each in inner]
    names = len(value) if isinstance(value, dict) else 0
    values, containers, empty = (sum(column) for column in zip((0, 0, 0), *found, strict=True))
    return 1 + names + values, 1 + containers, empty + (not value)


@given(value=VALUES, spaced=st.booleans(), ascii_only=st.booleans())
def test_the_count_is_that_of_the_parser(value: Any, spaced: bool, ascii_only: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()
    values, containers, empty = counted(value)
    assert not has_more_values(text, values + empty)
    assert not has_more_containers(text, containers)
    many = b"[" + b",".join([text] * 3) + b"]"
    assert has_more_values(many, 3 * values)
    assert not has_more_values(many, 1 + 3 * (values + empty))
    assert has_more_containers(many, 3 * containers)


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"{}," * 1000,
        b'["' + b'","' * 1000,
        b'{"a' + b'":1,"a' * 1000,
        b"[" * 2000,
        b'{"a":' * 1000,
        b"[" + b'"\\\\",' * 1500,
        b"[" + b"1 ,\n" * 1500,
    ],
)
def test_what_is_cut_off_counts_as_far_as_it_goes(text: bytes) -> None:
    assert has_more_values(text, 999)


@pytest.mark.parametrize("text", [b'{"a":"' + b",:[{" * 5000 + b'"}', b'["' + b'\\"\\\\,' * 999])
def test_what_lies_in_a_string_does_not_count(text: bytes) -> None:
    assert not has_more_values(text, 10)
    assert not has_more_containers(text, 10)
