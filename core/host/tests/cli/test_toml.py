"""Values are written as TOML that reads as the same values."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pegboard.cli.settings import toml_key, toml_value

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEAVES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(TEXT, VALUES)
def test_what_is_written_reads_as_it_was(name: str, value: Any) -> None:
    line = f"{toml_key(name)} = {toml_value(value)}"
    assert "\n" not in line
    assert tomllib.loads(line) == {name: value}
    assert tomllib.loads(f"x = {toml_value({'a': None, 'b': [value, None]})}")["x"] == {
        "b": [value]
    }
