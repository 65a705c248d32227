"""Special output of the commands: long arrays, wide tables, progress."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click
from attrs import evolve
from pegboard.cli import output
from pegboard_stores import tables


def print_json_array(values: Iterable[Any]) -> None:
    """Print values as one JSON array, each as soon as it comes."""
    opening = "["
    for value in values:
        text = output.json_text(value, indent=2).replace("\n", "\n  ")
        click.echo(f"{opening}\n  {text}", nl=False)
        opening = ","
    click.echo("[]" if opening == "[" else "\n]")


def print_blocks(columns: Sequence[tables.Column], rows: Sequence[Sequence[object]]) -> None:
    """Print a table that may be too wide: in blocks of columns, each led by the first column."""
    if not output.is_terminal():
        tables.print_table(columns, rows)
        return
    room = tables.terminal_width()
    widths = tables.widths(columns, [[output.clean(cell) for cell in row] for row in rows])
    block, used = [0], widths[0]
    for i in range(1, len(columns)):
        if len(block) > 1 and used + output.GAP + widths[i] > room:
            _print_block(columns, rows, block)
            click.echo()
            block, used = [0], widths[0]
        block.append(i)
        used += output.GAP + widths[i]
    _print_block(columns, rows, block)


def _print_block(
    columns: Sequence[tables.Column], rows: Sequence[Sequence[object]], block: Sequence[int]
) -> None:
    kept = [evolve(columns[i], optional=0) for i in block]
    tables.print_table(kept, [[row[i] for i in block] for row in rows])


@contextlib.contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show how far long work has come, on stderr if that is a terminal.

    Gives a function to call with the number of steps done since the last call. ``total`` is the
    number of all steps, None if it is unknown.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False, emoji=False),
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda steps: bar.advance(task, steps)
