"""Names of columns: ``metrics.KEY``, ``params.KEY``, ``tags.KEY``, ``attributes.NAME``.

The key is all that follows the first dot, as it is, without quotes.
"""

from __future__ import annotations

from collections.abc import Iterable

from pegboard.entities import DatasetInput
from pegboard.errors import InvalidValue, quoted
from pegboard.tags import DATASET_CONTEXT

from pegboard_stores.filters import RUNS, Field, Kind, OrderBy

DURATION = "duration"
"""The attribute that is a run's end less its start, in ms; a run that goes on has none."""
DATASETS = "datasets"
"""The attribute that names the datasets a run used: ``iris@9f2c (training), wine@77aa``, sorted."""

_NUMBERS = ("start_time", "end_time", DURATION)
_PREFIXES = {
    "metrics": Kind.METRIC,
    "params": Kind.PARAM,
    "tags": Kind.TAG,
    "attributes": Kind.ATTRIBUTE,
}
_NAMES = {kind: prefix for prefix, kind in _PREFIXES.items()}
_ATTRIBUTES = (*RUNS.attributes, DURATION, DATASETS)


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


def datasets_text(uses: Iterable[DatasetInput]) -> str | None:
    """Return what stands in the column of ``DATASETS``; None without any use."""
    return ", ".join(sorted(map(_use_text, uses))) or None


def _use_text(use: DatasetInput) -> str:
    context = next((tag.value for tag in use.tags if tag.key == DATASET_CONTEXT), None)
    named = f"{use.dataset.name}@{use.dataset.digest}"
    return named if context is None else f"{named} ({context})"


def is_number(column: Field) -> bool:
    """Whether the values of a column are numbers."""
    return column.kind is Kind.METRIC or (column.kind is Kind.ATTRIBUTE and column.key in _NUMBERS)
