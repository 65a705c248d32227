"""Patterns and keys as filters write them; texts are written by ``pegboard.literals``.

A quote inside a key is written twice. In the patterns of LIKE and ILIKE a backslash makes the
``%``, ``_`` or backslash behind it a character like others.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\%_]")


def escape_like(text: str) -> str:
    """Return the pattern of LIKE that only this text fits, to be continued: ``{...}%``."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def quoted_key(key: str) -> str:
    """Return a key for a filter or an order: ``params.{quoted_key(key)}``."""
    return f"`{key.replace('`', '``')}`"
