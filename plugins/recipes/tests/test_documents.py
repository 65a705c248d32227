"""What recipe.yaml becomes with the values of its profile: always what Jinja2 makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.errors import InvalidValue
from pegboard_recipes import documents

_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_VALUES = _PLAIN | st.lists(_PLAIN) | st.dictionaries(st.text(), _PLAIN)
_PIECES = st.sampled_from(
    ["a: ", "{{ A }}", "{{B}}", "{{ A|default([1, 2]) }}", "\n", "  - ", "}", "{ ", "'x'", "#", "%"]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_PIECES).map("".join), _VALUES, _VALUES)
def test_values_are_filled_in_as_by_jinja(source: str, one: Any, other: Any) -> None:
    context = {"A": one, "B": other, "C": 1}
    found = documents._filled_in(source, context)
    if found is not None:
        assert found == documents._by_jinja(Path("recipe.yaml"), source, context, Path())


@pytest.mark.parametrize(
    "source", ["{{ A.x }}", "{{ A + 1 }}", "{% if A %}1{% endif %}", "{{ C }}", "{# a #}", "a\r\n"]
)
def test_all_else_is_left_to_jinja(source: str) -> None:
    assert documents._filled_in(source, {"A": 1}) is None


def test_a_text_of_two_values_needs_no_jinja() -> None:
    found = documents._filled_in("a: {{ A }}\nb: {{ B | default(3) }}\n", {"A": [1], "B": None})
    assert found == ("a: [1]\nb: null\n", frozenset("AB"))


def test_an_undefined_value_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("a: {{ A }}\nb: {{ B }}\n")
    with pytest.raises(InvalidValue, match=r"line 2: 'B' is not defined"):
        documents.read(file, {"A": 1}, tmp_path)
