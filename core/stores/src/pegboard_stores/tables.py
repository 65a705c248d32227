"""Tables that commands print for people.

On a terminal they fit its width, and are drawn by rich if it is installed. Into a pipe or file go
plain aligned columns, complete, without colours or shortening.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
from attrs import field, frozen
from pegboard.cli import output
from pegboard.cli.output import cells

if TYPE_CHECKING:
    from rich.console import Console


@frozen
class Column:
    """A column of a table.

    Columns that are ``optional`` are left out on a narrow terminal: the highest number first, and
    the last one of equal numbers; 0 stays. There a column is shortened to ``most`` cells.
    ``styles`` maps cell texts to rich styles.
    """

    title: str
    right: bool = False
    optional: int = 0
    most: int | None = None
    style: str = ""
    styles: Mapping[str, str] = field(factory=dict)


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> list[str]:
    """Print rows of cells; return the titles of columns that the terminal had no room for."""
    texts = [[output.clean(cell) for cell in row] for row in rows]
    if not output.is_terminal():
        _print_plain(columns, texts)
        return []
    shown, hidden = _fitting(columns, widths(columns, texts), terminal_width())
    kept, cells = [columns[i] for i in shown], [[row[i] for i in shown] for row in texts]
    try:
        from rich.console import Console
    except ImportError:
        _print_plain(kept, [list(map(_shortened, kept, row)) for row in cells])
    else:
        _print_rich(Console(highlight=False, emoji=False), kept, cells)
    return [columns[i].title for i in hidden]


def note_hidden(titles: Sequence[str]) -> None:
    """Say which columns a table left out, if it did."""
    if titles:
        output.note(
            f"No room for: {', '.join(titles)}. A wider terminal, a pipe or --json shows them."
        )


def terminal_width() -> int:
    """Return how many cells a line of the terminal has."""
    return shutil.get_terminal_size().columns


def widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how many cells each column takes on a terminal."""
    found = []
    for i, column in enumerate(columns):
        longest = max(
            cells(text) for text in (output.clean(column.title), *(row[i] for row in rows))
        )
        found.append(longest if column.most is None else min(longest, column.most))
    return found


def _fitting(
    columns: Sequence[Column], taken: Sequence[int], room: int
) -> tuple[list[int], list[int]]:
    """Return the positions of the columns to show and to hide."""
    shown: list[int] = list(range(len(columns)))
    hidden: list[int] = []
    needed = sum(taken) + output.GAP * (len(columns) - 1)
    dispensable = [i for i in shown if columns[i].optional]
    for i in sorted(dispensable, key=lambda i: (columns[i].optional, i), reverse=True):
        if needed <= room:
            break
        needed -= taken[i] + output.GAP
        shown.remove(i)
        hidden.append(i)
    return shown, sorted(hidden)


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    right = [i for i, column in enumerate(columns) if column.right]
    titles = [column.title for column in columns]
    for line in output.aligned([titles, *rows], right=right):
        click.echo(line)


def _print_rich(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            Text(output.clean(column.title)),
            justify="right" if column.right else "left",
            style=column.style,
            max_width=column.most,
            no_wrap=True,
        )
    for row in rows:
        table.add_row(
            *(
                Text(text, style=c.styles.get(text, ""))
                for c, text in zip(columns, row, strict=True)
            )
        )
    console.print(table)


def _shortened(column: Column, text: str) -> str:
    if column.most is None or cells(text) <= column.most:
        return text
    while cells(text) >= column.most:
        text = text[:-1]
    return f"{text}…"
