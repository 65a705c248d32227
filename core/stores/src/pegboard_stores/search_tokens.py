"""Page tokens of searches: the sort key of the last entity of a page.

The next page begins behind that key, so that a deep page costs what the first one does, and an
entity that is added meanwhile shifts nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any, TypeAlias

from pegboard.errors import InvalidValue

from pegboard_stores import json_size
from pegboard_stores.filters import OrderBy, key_part

_MOST_VALUES = 1_000
"""More than any order has."""

Key: TypeAlias = tuple[float | str | None, ...]
"""The values an entity is sorted by: NaN and None (missing) among them."""


def sortable(key: Key, order: Sequence[OrderBy]) -> tuple[Any, ...]:
    """Return what compares as the order wants keys to."""
    return tuple(
        key_part(value, ascending=by.ascending) for value, by in zip(key, order, strict=True)
    )


def encode(key: Key, query: object) -> str:
    """Return the token of the page behind ``key`` in the answer to ``query``."""
    text = json.dumps([_digest(query), *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode(token: str | None, query: object, types: Sequence[type]) -> Key | None:
    """Return the key in a token, None without one; InvalidValue if it is not of this query.

    ``types`` says for each value of the key whether it is a number (float) or a text (str).
    """
    if not token:
        return None
    try:
        plain = base64.b64decode(token, altchars=b"-_", validate=True)
        if json_size.has_more_values(plain, _MOST_VALUES):
            raise _invalid(token)
        digest, *key = json.loads(plain)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _invalid(token) from None
    if digest != _digest(query) or len(key) != len(types):
        raise _invalid(token)
    if not all(map(_fits, key, types)):
        raise _invalid(token)
    return tuple(key)


def _fits(value: object, wanted: type) -> bool:
    if value is None:
        return True
    if wanted is str:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, float) or -(2**63) <= value < 2**63


def is_nan(value: object) -> bool:
    """Whether a value of a key is NaN."""
    return isinstance(value, float) and math.isnan(value)


def _digest(query: object) -> int:
    return zlib.crc32(repr(query).encode("utf-8", "backslashreplace"))


def _invalid(token: str) -> InvalidValue:
    shown = token if len(token) <= 60 else f"{token[:57]}…"
    return InvalidValue(
        f"{shown!r} is not a page token of this search.",
        hint="Pass on the token of the page before, unchanged, with the same filter and order.",
    ).about("bad_page_token", token=token)
