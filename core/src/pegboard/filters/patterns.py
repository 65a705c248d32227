"""LIKE and ILIKE: ``%`` stands for any characters, ``_`` for one."""

from __future__ import annotations

import string

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def like(text: str, pattern: str, *, fold: bool = False) -> bool:
    """Whether all of ``text`` fits ``pattern``; ``fold`` treats A to Z as a to z.

    Only ASCII letters are folded, as databases do. The time grows with the product of the lengths.
    """
    if fold:
        text, pattern = text.translate(_LOWER), pattern.translate(_LOWER)
    at = place = 0
    resume: int | None = None
    anchor = 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "%":
            resume, anchor = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("_", text[at]):
            at, place = at + 1, place + 1
        elif resume is not None:
            # The last % takes one character more.
            anchor += 1
            at, place = anchor, resume + 1
        else:
            return False
    return not pattern[place:].strip("%")
