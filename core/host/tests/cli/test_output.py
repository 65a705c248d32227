from __future__ import annotations

import json
import math
from enum import StrEnum

import click
import pytest
from attrs import frozen
from click.testing import CliRunner
from pegboard.cli import output


class _Color(StrEnum):
    RED = "red"


@frozen
class _Thing:
    name: str
    value: float
    color: _Color = _Color.RED


def test_json_names_values_that_it_has_no_number_for() -> None:
    text = output.json_text({"a": math.nan, "b": [math.inf, -math.inf], "c": 0.5})
    assert json.loads(text) == {"a": "NaN", "b": ["Infinity", "-Infinity"], "c": 0.5}


def test_json_holds_the_fields_of_values() -> None:
    assert json.loads(output.json_text(_Thing("x", 1.5))) == {
        "name": "x",
        "value": 1.5,
        "color": "red",
    }


def test_a_heading_is_bold() -> None:
    with CliRunner().isolation(color=True) as (out, *_):
        output.heading("A title")
        assert out.getvalue() == f"{click.style('A title', bold=True)}\n".encode()


def test_columns_are_aligned_below_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_columns(["Name", "X"], [["a-long-name", 1.5], ["b", None]])
    assert capsys.readouterr().out == "Name         X\na-long-name  1.5\nb            None\n"


def test_wide_characters_keep_columns_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_columns(["A", "B"], [["数据", "x"], ["ab", "y"]])
    assert capsys.readouterr().out.splitlines()[1:] == ["数据  x", "ab    y"]


def test_characters_that_could_steer_a_terminal_are_made_visible(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_columns(["A"], [["\x1b[31mred\nnext\u202e"]])
    printed = capsys.readouterr().out.splitlines()[1]
    assert printed == r"\x1b[31mred\nnext\u202e"
