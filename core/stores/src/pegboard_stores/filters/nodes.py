"""The values that filters and orders are parsed into."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TypeAlias, Union

from attrs import frozen

from pegboard_stores.filters.schema import Kind


class Operator(StrEnum):
    """The comparisons."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    MATCHES = "=~"
    MATCHES_NOT = "!~"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"


@frozen
class Field:
    """What is compared or ordered by: a metric, param, tag, attribute or dataset's attribute."""

    kind: Kind
    key: str


@frozen
class Comparison:
    """A field compared with a value: a number, a text, texts (IN), or None (IS NULL)."""

    field: Field
    operator: Operator
    value: float | str | tuple[str, ...] | None = None

    @cached_property
    def choices(self) -> frozenset[str]:
        """The texts of an IN or NOT IN, to look one up among many."""
        assert isinstance(self.value, tuple)
        return frozenset(self.value)


@frozen
class And:
    """All of the items hold."""

    items: tuple[Expr, ...]


@frozen
class Or:
    """At least one of the items holds."""

    items: tuple[Expr, ...]


@frozen
class Not:
    """The item does not hold."""

    item: Expr


Expr: TypeAlias = Union[Comparison, And, Or, Not]  # noqa: UP007 (names of later classes)


@frozen
class OrderBy:
    """A field to order by."""

    field: Field
    ascending: bool = True
