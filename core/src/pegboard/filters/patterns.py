"""LIKE and ILIKE: ``%`` stands for any characters, ``_`` for one."""

from __future__ import annotations

import string

from pegboard.filters import budget

_STEPS = 3
"""What a character costs, of a budget's steps."""

_PART = 1_000
"""How many characters are compared again before they are paid for."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def like(text: str, pattern: str, *, fold: bool = False) -> bool:
    """Whether all of ``text`` fits ``pattern``; ``fold`` treats A to Z as a to z.

    Only ASCII letters are folded, as databases do. The time grows with the product of the lengths,
    and is paid for from the budget of the search: InvalidValue if that is used up.
    """
    if fold:
        text, pattern = text.translate(_LOWER), pattern.translate(_LOWER)
    at = place = 0
    resume: int | None = None
    anchor = again = 0
    allowed = budget.current()
    allowed.spend(_STEPS * len(text))
    while at < len(text):
        if place < len(pattern) and pattern[place] == "%":
            resume, anchor = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("_", text[at]):
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
    return not pattern[place:].strip("%")
