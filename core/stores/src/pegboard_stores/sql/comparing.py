"""Comparisons of a filter as SQL."""

from __future__ import annotations

import re

from pegboard_stores.filters import Operator, patterns
from pegboard_stores.filters.patterns import Wildcard
from pegboard_stores.literals import escape_like
from pegboard_stores.sql.pieces import Sql, among

_PLAIN = frozenset({"=", "!=", "<", "<=", ">", ">="})


def compare(column: str, operator: Operator, value: object) -> Sql:
    """Return a comparison of a column or expression; NULL compares as NULL."""
    if operator is Operator.IN:
        assert isinstance(value, tuple)
        return among(column, value)
    if operator is Operator.NOT_IN:
        assert isinstance(value, tuple)
        inner = among(column, value)
        return Sql(f"NOT {inner.text}", inner.values)
    if operator in _PLAIN:
        return Sql(f"{column} {operator} ?", (value,))
    if operator is Operator.LIKE:
        return Sql(f"{column} GLOB ?", (_glob(str(value)),))
    if operator is Operator.ILIKE:
        return _ilike(column, str(value))
    negation = "NOT " if operator is Operator.MATCHES_NOT else ""
    return Sql(f"{negation}pegboard_matches(?, {column})", (value,))


def _glob(pattern: str) -> str:
    """Return the GLOB pattern for a LIKE pattern: SQLite's LIKE ignores case, GLOB does not."""
    return "".join(
        _GLOBS[part] if isinstance(part, Wildcard) else _GLOB_SPECIAL.sub(r"[\g<0>]", part)
        for part in patterns.parts(pattern)
    )


_GLOBS = {Wildcard.ANY: "*", Wildcard.ONE: "?"}


_GLOB_SPECIAL = re.compile(r"[*?\[]")


def _ilike(column: str, pattern: str) -> Sql:
    if "\\" not in pattern:
        return Sql(f"{column} LIKE ?", (pattern,))
    # SQLite takes any character behind the escape for itself, so a backslash is always doubled.
    written = "".join(
        part.value if isinstance(part, Wildcard) else escape_like(part)
        for part in patterns.parts(pattern)
    )
    return Sql(f"{column} LIKE ? ESCAPE '\\'", (written,))
