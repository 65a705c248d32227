"""The forms of answers, and questions, as MLflow's scripts know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

import attrs
from attrs import define, frozen
from pegboard.errors import InvalidValue, quoted
from pegboard_stores import reviews as kept


class LabelSchemaType(StrEnum):
    """What an answer becomes."""

    FEEDBACK = "feedback"
    EXPECTATION = "expectation"


@define
class InputPassFail:
    """Two buttons; the answer is True for the first."""

    positive_label: str
    negative_label: str


def _listed(given: Sequence[str]) -> Sequence[str]:
    return list(given)


@define
class InputCategorical:
    """One of up to ten texts, or with ``multi_select`` a list of some."""

    options: Sequence[str] = attrs.field(converter=_listed)
    multi_select: bool = False


@define
class InputCategoricalList:
    """A list of some of up to ten texts: ``InputCategorical`` with ``multi_select``."""

    options: Sequence[str] = attrs.field(converter=_listed)


@define
class InputNumeric:
    """A number within bounds."""

    min_value: float | None = None
    max_value: float | None = None


@define
class InputText:
    """Any text."""

    max_length: int | None = None


InputType: TypeAlias = (
    InputPassFail | InputCategorical | InputCategoricalList | InputNumeric | InputText
)

_KEPT: Mapping[type[Any], type[Any]] = {
    InputPassFail: kept.PassFail,
    InputCategorical: kept.Categorical,
    InputNumeric: kept.Numeric,
    InputText: kept.FreeText,
}
_SCRIPTS = {own: script for script, own in _KEPT.items()}


def to_kept(given: InputType) -> kept.Input:
    """Return a form of answers as stores keep it; InvalidValue."""
    if isinstance(given, InputCategoricalList):
        given = InputCategorical(given.options, multi_select=True)
    kind = _KEPT.get(type(given))
    if kind is None:
        raise InvalidValue(
            f"{quoted(given)} is not a form of answers.",
            hint=f"It is one of {', '.join(each.__name__ for each in _KEPT)}.",
        )
    fields = attrs.asdict(given)
    values: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    made: kept.Input = kind(**values)
    return made


def of_kept(given: kept.Input) -> InputType:
    """Return a form of answers for scripts."""
    made: InputType = _SCRIPTS[type(given)](**attrs.asdict(given))
    return made


@frozen
class LabelSchema:
    """A question about traces; the answer is an assessment of its name."""

    name: str
    type: LabelSchemaType
    input: InputType
    instruction: str | None = None
    enable_comment: bool = False
    schema_id: str | None = None
    experiment_id: str | None = None
    created_by: str | None = None
    created_at: int | None = None
    """Ms since 1970."""
    updated_at: int | None = None
    is_default: bool = False
    """Whether every experiment has it: it is neither changed nor deleted."""


def schema(given: kept.LabelSchema) -> LabelSchema:
    """Return a question for scripts."""
    return LabelSchema(
        given.name,
        LabelSchemaType(given.type),
        of_kept(given.input),
        given.instruction,
        given.enable_comment,
        given.schema_id,
        given.experiment_id,
        given.created_by,
        given.created_time,
        given.last_update_time,
        given.is_default,
    )
