"""Names of columns: ``metrics.KEY``, ``params.KEY``, ``tags.KEY``, ``attributes.NAME``.

The key is all that follows the first dot, as it is, without quotes.
"""

from __future__ import annotations

from pegboard.errors import InvalidValue, quoted

from pegboard_stores.filters import RUNS, Field, Kind, OrderBy

DURATION = "duration"
"""The attribute that is a run's end less its start, in ms; a run that goes on has none."""

_NUMBERS = ("start_time", "end_time", DURATION)
_PREFIXES = {
    "metrics": Kind.METRIC,
    "params": Kind.PARAM,
    "tags": Kind.TAG,
    "attributes": Kind.ATTRIBUTE,
}
_NAMES = {kind: prefix for prefix, kind in _PREFIXES.items()}
_ATTRIBUTES = (*RUNS.attributes, DURATION)


def column_name(field: Field) -> str:
    """Return the name of a column."""
    return f"{_NAMES[field.kind]}.{field.key}"


def parse_column(name: str) -> Field:
    """Return the column of a name; InvalidValue if it is not one."""
    prefix, _, key = name.partition(".")
    kind = _PREFIXES.get(prefix)
    if kind is None or not key:
        raise InvalidValue(
            f"{quoted(name)} is not a column.",
            hint=f"Columns are written {', '.join(f'{each}.NAME' for each in _PREFIXES)}.",
        )
    if kind is Kind.ATTRIBUTE and key not in _ATTRIBUTES:
        raise InvalidValue(
            f"Runs have no attribute {quoted(key)}; there are {', '.join(_ATTRIBUTES)}."
        )
    return Field(kind, key)


def parse_sort(text: str) -> OrderBy | None:
    """Return the order that ``-metrics.acc`` (greatest first) or ``metrics.loss`` stands for.

    None for an empty text: the last started first.
    """
    if not text:
        return None
    return OrderBy(parse_column(text.removeprefix("-")), ascending=not text.startswith("-"))


def is_number(column: Field) -> bool:
    """Whether the values of a column are numbers."""
    return column.kind is Kind.METRIC or (column.kind is Kind.ATTRIBUTE and column.key in _NUMBERS)
