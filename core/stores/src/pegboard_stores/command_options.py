"""What commands of several distributions share: options, asking before deleting, lists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

import click
from pegboard.cli import output
from pegboard.errors import InvalidValue

from pegboard_stores import tables

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

reason_option = click.option(
    "-m", "--reason", default="", metavar="TEXT", help="Why; kept in the history."
)
tags_option = click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="May be repeated."
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def limit_option(default: int) -> Callable[[F], F]:
    """Return the option ``--limit``."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        help="The most to show.",
    )


def key_values(texts: tuple[str, ...]) -> dict[str, str]:
    """Return what texts of the form KEY=VALUE say."""
    found = {}
    for text in texts:
        key, mark, value = text.partition("=")
        if not key or not mark:
            raise InvalidValue(f"{text!r} is not of the form KEY=VALUE.")
        found[key] = value
    return found


def confirm(question: str, yes: bool) -> None:
    """Ask before doing what cannot be undone; a usage error if there is no terminal to answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody is here to ask; say so with --yes.")
    if not click.confirm(question, err=True):
        raise click.Abort


def print_found(
    found: Iterator[T],
    limit: int,
    as_json: bool,
    columns: list[tables.Column],
    row: Callable[[T], list[object]],
    nothing: str,
) -> bool:
    """Print up to ``limit`` results, as a table or as JSON, and say if there are more.

    Return whether anything was found.
    """
    shown = list(islice(found, limit))
    if as_json:
        output.print_json(shown)
        return bool(shown)
    if not shown:
        output.note(nothing)
        return False
    tables.note_hidden(tables.print_table(columns, [row(each) for each in shown]))
    if next(found, None) is not None:
        output.note(f"There are more than these {limit}; see --limit.")
    return True


def done(result: object, as_json: bool, message: str) -> None:
    """Print what became of a change."""
    if as_json:
        output.print_json(result)
    else:
        click.echo(message)
