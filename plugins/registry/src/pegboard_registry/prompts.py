"""Prompts lie in the registry too, as models with a tag; who looks for models does not see them."""

from __future__ import annotations

from pegboard_stores.filters import And, Comparison, Expr, Field, Kind, Not, Operator, Or
from pegboard_stores.prompt_tags import IS_PROMPT

_FIELD = Field(Kind.TAG, IS_PROMPT)
_NO_PROMPT = Not(Comparison(_FIELD, Operator.EQ, "true"))


def apart(expr: Expr | None) -> Expr:
    """Return the filter with what it means: without prompts, unless it asks for them itself.

    Where the tag is missing it counts as 'false'.
    """
    if expr is None:
        return _NO_PROMPT
    if not _asks(expr):
        return And((expr, _NO_PROMPT))
    return _with_default(expr)


def _asks(expr: Expr) -> bool:
    if isinstance(expr, Comparison):
        return expr.field == _FIELD
    items = (expr.item,) if isinstance(expr, Not) else expr.items
    return any(map(_asks, items))


def _with_default(expr: Expr) -> Expr:
    if isinstance(expr, Not):
        return Not(_with_default(expr.item))
    if isinstance(expr, (And, Or)):
        return type(expr)(tuple(map(_with_default, expr.items)))
    if expr.field != _FIELD or not _holds_for_false(expr):
        return expr
    return Or((expr, Comparison(_FIELD, Operator.IS_NULL)))


def _holds_for_false(comparison: Comparison) -> bool:
    if comparison.operator is Operator.EQ:
        return str(comparison.value).lower() == "false"
    if comparison.operator is Operator.NE:
        return str(comparison.value).lower() != "false"
    return False
