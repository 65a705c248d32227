"""Texts and keys as filters write them: the inverse of reading them.

A quote inside a text or a key is written twice. In the patterns of LIKE and ILIKE a backslash makes
the ``%``, ``_`` or backslash behind it a character like others.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\%_]")


def literal(text: str) -> str:
    """Return a text for a filter: ``params.model = {literal(text)}``.

    It is in the quotes that it does not hold, if there are such, as MLflow's servers know of no
    other way.
    """
    quote = '"' if "'" in text and '"' not in text else "'"
    return quote + text.replace(quote, quote * 2) + quote


def escape_like(text: str) -> str:
    """Return the pattern of LIKE that only this text fits, to be continued: ``{...}%``."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def quoted_key(key: str) -> str:
    """Return a key for a filter or an order: ``params.{quoted_key(key)}``."""
    return f"`{key.replace('`', '``')}`"
