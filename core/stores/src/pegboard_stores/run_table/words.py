"""What is written in the line above the table: a filter, or plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pegboard.errors import FilterError, InvalidValue
from pegboard.tags import RUN_NAME

from pegboard_stores.filters import (
    RUNS,
    And,
    Comparison,
    Expr,
    Field,
    Kind,
    Not,
    Operator,
    Or,
    parse_filter,
)
from pegboard_stores.filters.regex import PatternError, compile_pattern
from pegboard_stores.literals import escape_like

MOST_WORDS = 10
LONGEST_WORD = 150
"""In characters."""

_FILTER = re.compile(
    rf"""[<>=!~] | \bIS\s+(NOT\s+)?NULL\b | \bIN\s*\( | \b[IR]?LIKE\s*['"]
    | ^\W*(NOT\s+)?\(*\s*({"|".join(RUNS.kinds)})\.""",
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r'"([^"]+)"|(\S+)')
_SYSTEM = ("mlflow.", "pegboard.")
_SEARCHED = frozenset({RUN_NAME, "mlflow.note.content", "mlflow.source.name", "mlflow.user"})


def is_filter(text: str) -> bool:
    """Whether a text is meant as a filter: it has an operator, or begins with a column."""
    return _FILTER.search(text) is not None


def words_of(text: str) -> list[str]:
    """Return the plain words of a text; several in double quotes are one. InvalidValue."""
    found = [quoted or plain for quoted, plain in _WORD.findall(text)]
    if len(found) > MOST_WORDS:
        raise InvalidValue(f"{len(found)} words are too many; {MOST_WORDS} are possible.")
    if any(len(word) > LONGEST_WORD for word in found):
        raise InvalidValue(f"A word has more than {LONGEST_WORD} characters.")
    return found


def key_test(contains: str, pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a key holds a text, in any case of letters, and fits a pattern.

    FilterError for a wrong pattern, which it shows between slashes.
    """
    part = contains.casefold()
    if not pattern:
        return lambda key: part in key.casefold()
    try:
        compiled = compile_pattern(pattern)
    except PatternError as error:
        shown = f"/{pattern}/"
        raise FilterError(str(error), text=shown, column=error.position + 1) from error
    return lambda key: part in key.casefold() and compiled.search(key)


def key_order(contains: str) -> Callable[[str], Any]:
    """Return what sorts keys that hold a text: those that begin with it, and short paths, first.

    Of a thousand keys that hold an l, somebody who typed it means ``loss`` and not ``layer/3/max``.
    """
    part = contains.casefold()
    if not part:
        return lambda key: key
    return lambda key: (not key.casefold().startswith(part), key.count("/"), key)


def expression(text: str, tags: Iterable[str]) -> Expr | None:
    """Return what runs are to fit, None for any; FilterError.

    ``tags`` are the keys of the tags that runs have, of which plain words look at those that people
    write: not at those of the system, but for the name, the note, the source and the user.
    """
    if is_filter(text):
        return parse_filter(text, RUNS)
    words = words_of(text)
    if not words:
        return None
    searched = [key for key in tags if key in _SEARCHED or not key.startswith(_SYSTEM)]
    found = tuple(_somewhere(word, searched) for word in words)
    return found[0] if len(found) == 1 else And(found)


def _somewhere(word: str, tags: Sequence[str]) -> Expr:
    pattern = escape_like(word)
    by_id = Comparison(Field(Kind.ATTRIBUTE, "run_id"), Operator.LIKE, f"{pattern}%")
    inside = (Comparison(Field(Kind.TAG, key), Operator.ILIKE, f"%{pattern}%") for key in tags)
    return Or((by_id, *inside))


def columns_of(expr: Expr | None) -> Iterator[Field]:
    """Yield the fields that a filter speaks of, each as often as it does."""
    if isinstance(expr, And | Or):
        for item in expr.items:
            yield from columns_of(item)
    elif isinstance(expr, Not):
        yield from columns_of(expr.item)
    elif expr is not None:
        yield expr.field
