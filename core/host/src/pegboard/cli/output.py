"""What commands print: tables for people, JSON for programs, progress on stderr.

On a terminal tables are drawn by rich and fit its width. Into a pipe or file go plain aligned
columns, complete, without colours or shortening.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict, evolve, field, frozen, has

from pegboard.cli.formats import not_finite

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_GAP = 2

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


# -- JSON --------------------------------------------------------------------------------------


def json_ready(value: Any) -> Any:
    """Return a value made of what JSON has; NaN and infinities become their names as strings."""
    if isinstance(value, float):
        return value if math.isfinite(value) else not_finite(value)
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


def print_json_array(values: Iterable[Any]) -> None:
    """Print values as one JSON array, each as soon as it comes."""
    opening = "["
    for value in values:
        text = json_text(value, indent=2).replace("\n", "\n  ")
        click.echo(f"{opening}\n  {text}", nl=False)
        opening = ","
    click.echo("[]" if opening == "[" else "\n]")


def _ascii_only() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


# -- tables ------------------------------------------------------------------------------------


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> list[str]:
    """Print rows of cells; return the titles of columns that the terminal had no room for."""
    texts = [[clean(cell) for cell in row] for row in rows]
    if not is_terminal():
        _print_plain(columns, texts)
        return []
    console = _console()
    widths = _widths(columns, texts)
    shown, hidden = _fitting(columns, widths, console.width)
    _print_rich(console, [columns[i] for i in shown], [[row[i] for i in shown] for row in texts])
    return [columns[i].title for i in hidden]


def print_blocks(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    """Print a table that may be too wide: in blocks of columns, each led by the first column."""
    if not is_terminal():
        print_table(columns, rows)
        return
    room = _console().width
    widths = _widths(columns, [[clean(cell) for cell in row] for row in rows])
    block, used = [0], widths[0]
    for i in range(1, len(columns)):
        if len(block) > 1 and used + _GAP + widths[i] > room:
            _print_block(columns, rows, block)
            click.echo()
            block, used = [0], widths[0]
        block.append(i)
        used += _GAP + widths[i]
    _print_block(columns, rows, block)


def _print_block(
    columns: Sequence[Column], rows: Sequence[Sequence[object]], block: Sequence[int]
) -> None:
    kept = [evolve(columns[i], optional=0) for i in block]
    print_table(kept, [[row[i] for i in block] for row in rows])


def print_record(pairs: Iterable[tuple[str, object]], *, indent: str = "") -> None:
    """Print names and values, one pair a line, the values aligned."""
    texts = [(clean(name), clean(value)) for name, value in pairs]
    width = max((_cells(name) for name, _ in texts), default=0)
    for name, value in texts:
        click.echo(f"{indent}{name}{' ' * (width - _cells(name))}  {value}".rstrip())


def heading(text: str) -> None:
    """Print the title of a section."""
    if is_terminal():
        _console().print(clean(text), style="bold", markup=False, highlight=False)
    else:
        click.echo(clean(text))


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    click.echo(text, err=True)


def note_hidden(titles: Sequence[str]) -> None:
    """Say which columns a table left out, if it did."""
    if titles:
        note(f"No room for: {', '.join(titles)}. A wider terminal, a pipe or --json shows them.")


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    widths = []
    for i, column in enumerate(columns):
        longest = max(_cells(text) for text in (clean(column.title), *(row[i] for row in rows)))
        widths.append(longest if column.most is None else min(longest, column.most))
    return widths


def _fitting(
    columns: Sequence[Column], widths: Sequence[int], room: int
) -> tuple[list[int], list[int]]:
    """Return the positions of the columns to show and to hide."""
    shown: list[int] = list(range(len(columns)))
    hidden: list[int] = []
    needed = sum(widths) + _GAP * (len(columns) - 1)
    dispensable = [i for i in shown if columns[i].optional]
    for i in sorted(dispensable, key=lambda i: (columns[i].optional, i), reverse=True):
        if needed <= room:
            break
        needed -= widths[i] + _GAP
        shown.remove(i)
        hidden.append(i)
    return shown, sorted(hidden)


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    everything = [[clean(column.title) for column in columns], *rows]
    widths = [max(_cells(row[i]) for row in everything) for i in range(len(columns))]
    for row in everything:
        cells = []
        for column, text, width in zip(columns, row, widths, strict=True):
            filler = " " * (width - _cells(text))
            cells.append(filler + text if column.right else text + filler)
        click.echo((" " * _GAP).join(cells).rstrip())


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


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, emoji=False)


def _cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


# -- progress ----------------------------------------------------------------------------------


@contextlib.contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show how far long work has come, on stderr if that is a terminal.

    Gives a function to call with the number of steps done since the last call. ``total`` is the
    number of all steps, None if it is unknown.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda steps: bar.advance(task, steps)
