"""What commands print: tables for people, JSON for programs, progress on stderr.

On a terminal tables fit its width, and are drawn by rich if it is installed. Into a pipe or file go
plain aligned columns, complete, without colours or shortening.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict, field, frozen, has

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
GAP = 2
"""How many cells lie between two columns."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
"""The option that every command which prints facts has."""


@frozen
class Column:
    """A column of a table.

    Columns that are ``optional`` give way on a narrow terminal: the one of the highest number
    first, of equals the last; 0 stays. One with ``most`` is shortened there to that many cells.
    ``styles`` maps cell texts to rich styles.
    """

    title: str
    right: bool = False
    optional: int = 0
    most: int | None = None
    style: str = ""
    styles: Mapping[str, str] = field(factory=dict)


def examples(*lines: str) -> str:
    """Return the end of a command's help: calls of it that work, one a line."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])


def is_terminal() -> bool:
    """Whether stdout is a terminal, so a person reads it."""
    return sys.stdout.isatty()


def clean(text: object) -> str:
    """Return text on one line, with characters that could steer a terminal made visible."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], str(text))


def not_finite(value: float) -> str:
    """Return the name of a value that is not finite, else ""."""
    if math.isfinite(value):
        return ""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


# -- JSON --------------------------------------------------------------------------------------


def json_ready(value: Any) -> Any:
    """Return a value made of what JSON has; NaN and infinities become their names as strings."""
    if isinstance(value, float):
        return not_finite(value) or value
    if has(type(value)):
        value = asdict(value, recurse=False)
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_ready(item) for item in value]
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return JSON text of a value."""
    return json.dumps(json_ready(value), indent=indent, ensure_ascii=_ascii_only(), allow_nan=False)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json_text(value, indent=2))


def _ascii_only() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


# -- tables ------------------------------------------------------------------------------------


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> list[str]:
    """Print rows of cells; return the titles of columns that the terminal had no room for."""
    texts = [[clean(cell) for cell in row] for row in rows]
    if not is_terminal():
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


def print_record(pairs: Iterable[tuple[str, object]], *, indent: str = "") -> None:
    """Print names and values, one pair a line, the values aligned."""
    texts = [(clean(name), clean(value)) for name, value in pairs]
    width = max((_cells(name) for name, _ in texts), default=0)
    for name, value in texts:
        click.echo(f"{indent}{name}{' ' * (width - _cells(name))}  {value}".rstrip())


def heading(text: str) -> None:
    """Print the title of a section."""
    click.secho(clean(text), bold=True)


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    click.echo(text, err=True)


def note_hidden(titles: Sequence[str]) -> None:
    """Say which columns a table left out, if it did."""
    if titles:
        note(f"No room for: {', '.join(titles)}. A wider terminal, a pipe or --json shows them.")


def terminal_width() -> int:
    """Return how many cells a line of the terminal has."""
    return shutil.get_terminal_size().columns


def widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how many cells each column takes on a terminal."""
    found = []
    for i, column in enumerate(columns):
        longest = max(_cells(text) for text in (clean(column.title), *(row[i] for row in rows)))
        found.append(longest if column.most is None else min(longest, column.most))
    return found


def _fitting(
    columns: Sequence[Column], taken: Sequence[int], room: int
) -> tuple[list[int], list[int]]:
    """Return the positions of the columns to show and to hide."""
    shown: list[int] = list(range(len(columns)))
    hidden: list[int] = []
    needed = sum(taken) + GAP * (len(columns) - 1)
    dispensable = [i for i in shown if columns[i].optional]
    for i in sorted(dispensable, key=lambda i: (columns[i].optional, i), reverse=True):
        if needed <= room:
            break
        needed -= taken[i] + GAP
        shown.remove(i)
        hidden.append(i)
    return shown, sorted(hidden)


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    everything = [[clean(column.title) for column in columns], *rows]
    taken = [max(_cells(row[i]) for row in everything) for i in range(len(columns))]
    for row in everything:
        cells = []
        for column, text, width in zip(columns, row, taken, strict=True):
            filler = " " * (width - _cells(text))
            cells.append(filler + text if column.right else text + filler)
        click.echo((" " * GAP).join(cells).rstrip())


def _print_rich(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            Text(clean(column.title)),
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
    if column.most is None or _cells(text) <= column.most:
        return text
    while _cells(text) >= column.most:
        text = text[:-1]
    return f"{text}…"


def _cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
