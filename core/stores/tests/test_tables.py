"""Tables on terminals, and in pipes."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable

import click
import pytest
from pegboard_stores.tables import Column, print_table


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


Terminal = Callable[[], contextlib.redirect_stdout[_Terminal]]


def test_a_piped_table_is_aligned_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [Column("Name", most=4), Column("Value", right=True, optional=1)]
    hidden = print_table(columns, [["a-long-name", "1.5"], ["b", "-10"]])
    assert capsys.readouterr().out == (
        "Name         Value\na-long-name    1.5\nb              -10\n"
    )
    assert hidden == []


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
        hidden = print_table(columns, [["n" * 16, "a" * 8, "b" * 8, "c" * 8]])
    assert hidden == ["Third"]
    lines = click.unstyle(screen.getvalue()).splitlines()
    assert max(map(len, lines)) <= 40
    assert "n" * 16 in screen.getvalue()
    assert "Third" not in lines[0]


def test_a_narrow_terminal_shortens_long_texts(terminal: Terminal) -> None:
    with terminal() as screen:
        print_table([Column("Name", most=10), Column("X")], [["n" * 60, "whole"]])
    assert "n" * 9 + "…" in screen.getvalue()
    assert "whole" in screen.getvalue()


def test_markup_in_data_is_printed_as_it_is(terminal: Terminal) -> None:
    with terminal() as screen:
        print_table([Column("Name")], [["[bold]x[/bold] :smile:"]])
    assert "[bold]x[/bold] :smile:" in screen.getvalue()


@pytest.fixture
def no_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide rich, as if it were not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)


@pytest.mark.usefixtures("no_rich")
def test_without_rich_a_terminal_gets_columns_that_fit(terminal: Terminal) -> None:
    columns = [Column("Name", most=12), Column("Size", right=True), Column("More", optional=1)]
    with terminal() as screen:
        hidden = print_table(columns, [["n" * 60, "7", "m" * 30], ["数据", "10", ""]])
    assert hidden == ["More"]
    assert screen.getvalue() == "Name          Size\n" + "n" * 11 + "…     7\n数据            10\n"
