from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Callable
from enum import StrEnum

import click
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from pegboard.cli import output
from pegboard.cli.output import Column


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return what makes stdout a terminal of 40 columns without colours."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda: contextlib.redirect_stdout(_Terminal())


class _Color(StrEnum):
    RED = "red"


Terminal = Callable[[], contextlib.redirect_stdout[_Terminal]]


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


@given(st.lists(st.dictionaries(st.text(), st.floats() | st.text() | st.none())))
def test_a_streamed_array_is_the_array(values: list[dict[str, object]]) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        output.print_json_array(iter(values))
    assert json.loads(stream.getvalue()) == output.json_ready(values)


def test_a_piped_table_is_aligned_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [Column("Name", most=4), Column("Value", right=True, optional=1)]
    hidden = output.print_table(columns, [["a-long-name", "1.5"], ["b", "-10"]])
    assert capsys.readouterr().out == (
        "Name         Value\na-long-name    1.5\nb              -10\n"
    )
    assert hidden == []


def test_wide_characters_keep_columns_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table([Column("A"), Column("B")], [["数据", "x"], ["ab", "y"]])
    assert capsys.readouterr().out.splitlines()[1:] == ["数据  x", "ab    y"]


def test_characters_that_could_steer_a_terminal_are_made_visible(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_table([Column("A")], [["\x1b[31mred\nnext\u202e"]])
    printed = capsys.readouterr().out.splitlines()[1]
    assert printed == r"\x1b[31mred\nnext\u202e"


def test_a_narrow_terminal_drops_optional_columns_highest_number_first(
    terminal: Terminal,
) -> None:
    columns = [
        Column("Name"),
        Column("First", optional=1),
        Column("Third", optional=3),
        Column("Second", optional=2),
    ]
    with terminal() as screen:
        hidden = output.print_table(columns, [["n" * 16, "a" * 8, "b" * 8, "c" * 8]])
    assert hidden == ["Third"]
    lines = click.unstyle(screen.getvalue()).splitlines()
    assert max(map(len, lines)) <= 40
    assert "n" * 16 in screen.getvalue()
    assert "Third" not in lines[0]


def test_a_narrow_terminal_shortens_long_texts(terminal: Terminal) -> None:
    with terminal() as screen:
        output.print_table([Column("Name", most=10), Column("X")], [["n" * 60, "whole"]])
    assert "n" * 9 + "…" in screen.getvalue()
    assert "whole" in screen.getvalue()


def test_markup_in_data_is_printed_as_it_is(terminal: Terminal) -> None:
    with terminal() as screen:
        output.print_table([Column("Name")], [["[bold]x[/bold] :smile:"]])
    assert "[bold]x[/bold] :smile:" in screen.getvalue()


def test_a_table_too_wide_is_cut_into_blocks_that_repeat_the_first_column(
    terminal: Terminal,
) -> None:
    columns = [Column("key"), *(Column(f"run{i}") for i in range(4))]
    with terminal() as screen:
        output.print_blocks(columns, [["row", *("v" * 15 for _ in range(4))]])
    text = click.unstyle(screen.getvalue())
    assert text.count("row") == 2
    assert all(f"run{i}" in text for i in range(4))
    assert max(map(len, text.splitlines())) <= 40


def test_no_progress_is_shown_to_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("Working", 3) as advance:
        advance(3)
    assert capsys.readouterr().err == ""
