"""LIKE and ILIKE: ``%`` stands for any characters, ``_`` for one; a backslash takes that away.

``\\%``, ``\\_`` and ``\\\\`` stand for the second character. Before any other a backslash is one
like others, so that paths of Windows need no care but for names that begin with ``%`` or ``_``.
"""

from __future__ import annotations

import re
import string
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

from pegboard_stores.filters import budget

_STEPS = 3
"""What a character costs, of a budget's steps."""

_PART = 1_000
"""How many characters are compared again before they are paid for."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ITEM = re.compile(r"\\([%_\\])|(.)", re.DOTALL)


class Wildcard(Enum):
    """What stands for other characters."""

    ANY = "%"
    ONE = "_"


Part: TypeAlias = "str | Wildcard"


def parts(pattern: str) -> tuple[Part, ...]:
    """Return what a pattern consists of: wildcards, and texts between them."""
    found: list[Part] = []
    for item in _items(pattern):
        last = found[-1] if found else None
        if isinstance(item, str) and isinstance(last, str):
            found[-1] = last + item
        else:
            found.append(item)
    return tuple(found)


@lru_cache(maxsize=64)
def _items(pattern: str) -> tuple[Part, ...]:
    """Return the wildcards and the single characters of a pattern."""
    return tuple(
        escaped or (Wildcard(plain) if plain in ("%", "_") else plain)
        for escaped, plain in _ITEM.findall(pattern)
    )


def like(text: str, pattern: str, *, fold: bool = False) -> bool:
    """Whether all of ``text`` fits ``pattern``; ``fold`` treats A to Z as a to z.

    Only ASCII letters are folded, as databases do. The time grows with the product of the lengths,
    and is paid for from the budget of the search: InvalidValue if that is used up.
    """
    if fold:
        text, pattern = text.translate(_LOWER), pattern.translate(_LOWER)
    items = _items(pattern)
    at = place = 0
    resume: int | None = None
    anchor = again = 0
    allowed = budget.current()
    allowed.spend(_STEPS * len(text))
    while at < len(text):
        item = items[place] if place < len(items) else None
        if item is Wildcard.ANY:
            resume, anchor = place, at
            place += 1
        elif item is Wildcard.ONE or item == text[at]:
            at, place = at + 1, place + 1
        elif resume is not None:
            # The last % takes one character more, and what followed it is compared again.
            again += at - anchor
            if again > _PART:
                allowed.spend(_STEPS * again)
                again = 0
            anchor += 1
            at, place = anchor, resume + 1
        else:
            return False
    return all(item is Wildcard.ANY for item in items[place:])
