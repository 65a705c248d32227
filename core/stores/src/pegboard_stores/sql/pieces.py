"""Pieces of SQL with their bound values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    pass


@frozen
class Sql:
    """A piece of SQL; ``values`` are bound to its question marks, in their order."""

    text: str
    values: tuple[Any, ...] = ()


NEVER, ALWAYS = Sql("0"), Sql("1")


def joined(separator: str, parts: Iterable[Sql]) -> Sql:
    """Return the parts with ``separator`` between them."""
    known = list(parts)
    return Sql(
        separator.join(part.text for part in known),
        tuple(value for part in known for value in part.values),
    )


def any_of(column: str, texts: Sequence[str]) -> Sql:
    """Return the condition that ``column`` is one of a few texts."""
    return Sql(f"{column} IN ({', '.join('?' * len(texts))})", tuple(texts))


def among(column: str, values: Iterable[Any]) -> Sql:
    """Return the condition that ``column`` is one of any number of values."""
    text = f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608
    return Sql(text, (json.dumps(list(values)),))
