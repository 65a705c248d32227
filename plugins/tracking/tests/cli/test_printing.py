"""What the commands print in ways of their own."""

from __future__ import annotations

import contextlib
import io
import json

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.cli import output
from pegboard_stores.tables import Column
from pegboard_tracking.commands import printing


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@given(st.lists(st.dictionaries(st.text(), st.floats() | st.text() | st.none())))
def test_a_streamed_array_is_the_array(values: list[dict[str, object]]) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        printing.print_json_array(iter(values))
    assert json.loads(stream.getvalue()) == output.json_ready(values)


def test_a_table_too_wide_is_cut_into_blocks_that_repeat_the_first_column(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    columns = [Column("key"), *(Column(f"run{i}") for i in range(4))]
    with contextlib.redirect_stdout(_Terminal()) as screen:
        printing.print_blocks(columns, [["row", *("v" * 15 for _ in range(4))]])
    text = click.unstyle(screen.getvalue())
    assert text.count("row") == 2
    assert all(f"run{i}" in text for i in range(4))
    assert max(map(len, text.splitlines())) <= 40


def test_no_progress_is_shown_to_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with printing.progress("Working", 3) as advance:
        advance(3)
    assert capsys.readouterr().err == ""
