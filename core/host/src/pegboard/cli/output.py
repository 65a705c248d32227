"""What commands print: text for people, JSON for programs, remarks on stderr."""

from __future__ import annotations

import json
import math
import re
import sys
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import click
from attrs import asdict, has

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
GAP = 2
"""How many cells lie between two columns."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
"""The option that every command which prints facts has."""


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


# -- text --------------------------------------------------------------------------------------


def aligned(rows: Iterable[Sequence[object]], *, right: Container[int] = ()) -> list[str]:
    """Return rows as lines of text: their cells cleaned, and one column below the other.

    The columns at the positions ``right`` end in one line, the others begin in one.
    """
    texts = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*texts, strict=True)]
    lines = []
    for row in texts:
        filled = []
        for i, (text, width) in enumerate(zip(row, widths, strict=True)):
            filler = " " * (width - cells(text))
            filled.append(filler + text if i in right else text + filler)
        lines.append((" " * GAP).join(filled).rstrip())
    return lines


def print_columns(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows of cells below their titles; ``pegboard_stores.tables`` fits them to a screen."""
    first, *others = aligned([titles, *rows])
    click.secho(first, bold=True)
    for line in others:
        click.echo(line)


def print_record(pairs: Iterable[tuple[str, object]], *, indent: str = "") -> None:
    """Print names and values, one pair a line, the values aligned."""
    for line in aligned(pairs):
        click.echo(indent + line)


def heading(text: str) -> None:
    """Print the title of a section."""
    click.secho(clean(text), bold=True)


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    click.echo(text, err=True)


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
