"""Cells of tables: which type a column has, and what of a value is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from attrs import define, field
from pegboard_wire.scalars import number_json

MOST_TEXT = 2_000
"""How many characters of a cell are sent."""
MOST_ANSWER = 4 << 20
"""How many characters of cells an answer has, about."""

_INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,15})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_LEADING_ZERO = re.compile(r"[+-]?0\d", re.ASCII)
_SPECIAL = {"nan": "NaN", "inf": "Infinity", "infinity": "Infinity", "-inf": "-Infinity"}
_EMPTY = frozenset({"", "NA", "N/A", "null", "NULL", "None"})
_TRUTH = {"true": True, "false": False}
_LARGEST = 1 << 53


@define
class Rows:
    """The rows of an answer, column by column, until it is full."""

    names: list[str]
    limit: int
    cells: list[list[Any]] = field(init=False)
    count: int = 0
    is_cut: bool = False
    """Whether a cell was cut."""
    _size: int = 0

    def __attrs_post_init__(self) -> None:
        self.cells = [[] for _ in self.names]

    @property
    def is_full(self) -> bool:
        """Whether no row should be added any more."""
        return self.count >= self.limit or self._size >= MOST_ANSWER

    def add(self, values: Sequence[Any]) -> None:
        """Add a row; None is sent for what is missing."""
        for place, column in enumerate(self.cells):
            column.append(self._cell(values[place] if place < len(values) else None))
        self.count += 1

    def _cell(self, value: Any) -> Any:
        made = plain(value)
        if isinstance(made, str):
            if len(made) > MOST_TEXT:
                made, self.is_cut = made[:MOST_TEXT] + "…", True
            self._size += len(made)
        self._size += 8
        return made


def unique(names: Iterable[Any]) -> list[str]:
    """Return names of columns, each different from those before it."""
    found: dict[str, None] = {}
    for number, given in enumerate(names, 1):
        name = str(given).strip() or f"column {number}"
        name, again = name[:250], 2
        while name in found:
            name, again = f"{str(given).strip()[:240]} ({again})", again + 1
        found[name] = None
    return list(found)


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: what is nested as JSON text, times in ISO 8601."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else str(value)
    if isinstance(value, float):
        return number_json(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    if hasattr(value, "isoformat"):
        return value.isoformat()
    try:
        return orjson.dumps(value, default=str).decode()
    except (TypeError, ValueError):
        return str(value)


def column_type(values: Iterable[str]) -> str:
    """Return the type that fits the texts of a column: integer, number, boolean or text."""
    found = set()
    for value in values:
        text = value.strip()
        if text in _EMPTY:
            continue
        if text.lower() in _TRUTH:
            found.add("boolean")
        elif _INTEGER.fullmatch(text):
            found.add("integer")
        elif text.lower() in _SPECIAL or (
            _NUMBER.fullmatch(text) and not _LEADING_ZERO.match(text)
        ):
            found.add("number")
        else:
            return "text"
    if found == {"integer", "number"}:
        return "number"
    return found.pop() if len(found) == 1 else "text"


def _is_number(text: str) -> bool:
    # Such as 007 is an id rather than a number.
    return bool(_NUMBER.fullmatch(text)) and not _LEADING_ZERO.match(text)


def typed_cell(text: str, kind: str) -> Any:
    """Return the value of a text in a column of a type; the text itself if it does not fit."""
    if kind == "text":
        return text
    stripped = text.strip()
    if stripped in _EMPTY:
        return None
    lower = stripped.lower()
    if kind == "boolean":
        return _TRUTH.get(lower, text)
    if lower in _SPECIAL:
        return _SPECIAL[lower]
    try:
        return int(stripped) if kind == "integer" and len(stripped) < 25 else float(stripped)
    except ValueError:
        return text


def type_of_values(values: Iterable[Any]) -> str:
    """Return the type of values of JSON: integer, number, boolean, text or json."""
    found = {_kind(value) for value in values if value is not None}
    if found <= {"integer", "number"} and found:
        return "number" if "number" in found else "integer"
    return found.pop() if len(found) == 1 else ("json" if "json" in found else "text")


def _kind(value: Any) -> str:
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "text")):
        if isinstance(value, kind):
            return name
    return "json"
