"""The order of found entities."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import total_ordering
from typing import Any, TypeAlias, TypeVar

from pegboard.entities import Experiment, Run

from pegboard_stores import cancellation
from pegboard_stores.filters.matching import attribute
from pegboard_stores.filters.nodes import Field, OrderBy
from pegboard_stores.filters.schema import EXPERIMENTS, RUNS, Kind, SearchSchema

Record = TypeVar("Record", Run, Experiment)
KeyPart: TypeAlias = tuple[int, Any]

_START = OrderBy(Field(Kind.ATTRIBUTE, "start_time"), ascending=False)
_RUN_ID = OrderBy(Field(Kind.ATTRIBUTE, "run_id"))
_UPDATED = OrderBy(Field(Kind.ATTRIBUTE, "last_update_time"), ascending=False)
_EXPERIMENT_ID = OrderBy(Field(Kind.ATTRIBUTE, "experiment_id"), ascending=False)


def complete(order_by: Sequence[OrderBy], schema: SearchSchema) -> tuple[OrderBy, ...]:
    """Return the order with what decides between equals: MLflow's, and in the end the id.

    Runs: the last started first, then by run id. Experiments: without an order the last updated
    first, then the greatest id first.
    """
    if schema.name == EXPERIMENTS.name:
        ties = [_EXPERIMENT_ID] if order_by else [_UPDATED, _EXPERIMENT_ID]
    else:
        ties = [_START, _RUN_ID]
    named = {order.field for order in order_by}
    return (*order_by, *(tie for tie in ties if tie.field not in named))


@total_ordering
class _Reversed:
    """A text that comes before lesser ones."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.text == other.text

    def __lt__(self, other: _Reversed) -> bool:
        return self.text > other.text

    __hash__ = None  # type: ignore[assignment]


def key_part(value: float | str | None, *, ascending: bool) -> KeyPart:
    """Return what sorts a value in its place: NaN is last but one, None (missing) last."""
    if value is None:
        return 2, 0
    if isinstance(value, str):
        return 0, value if ascending else _Reversed(value)
    if math.isnan(value):
        return 1, 0
    return 0, value if ascending else -value


def sort_key(record: Run | Experiment, order_by: Sequence[OrderBy]) -> tuple[KeyPart, ...]:
    """Return a key that sorts this run or experiment among others of its sort."""
    schema = RUNS if isinstance(record, Run) else EXPERIMENTS
    return tuple(
        key_part(_value(record, order.field), ascending=order.ascending)
        for order in complete(order_by, schema)
    )


def sorted_by(records: Iterable[Record], order_by: Sequence[OrderBy] = ()) -> list[Record]:
    """Return runs or experiments in order."""
    return sorted(cancellation.checked(records), key=lambda record: sort_key(record, order_by))


def _value(record: Run | Experiment, field: Field) -> Any:
    if field.kind is Kind.ATTRIBUTE:
        value = attribute(record, field.key)
        if field.key == "experiment_id":
            return id_key(str(value))
        return value
    if isinstance(record, Experiment):
        return record.tags.get(field.key)
    if field.kind is Kind.METRIC:
        point = record.data.latest.get(field.key)
        return None if point is None else point.value
    values = record.data.params if field.kind is Kind.PARAM else record.data.tags
    return values.get(field.key)


def id_key(text: str) -> str:
    """Return a text that sorts an id: whole numbers by size, before others."""
    digits = text.lstrip("0")
    if text.isascii() and text.isdigit():
        return f"0{len(digits):04d}{digits}"
    return f"1{text}"
