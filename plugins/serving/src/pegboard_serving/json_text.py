"""JSON as clients write it: strict, but for the constants that Python's own ``json`` writes.

``NaN``, a gap in a table, is read as null; ``Infinity`` and ``-Infinity`` are those floats. Text
without them takes the quick way.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

_CONSTANTS = {"NaN": None, "Infinity": float("inf"), "-Infinity": float("-inf")}
_SURE_DIGITS = 18
_LIMITS = -(2**63), 2**64


def loads(text: bytes | str) -> Any:
    """Return the value that JSON text holds; ValueError, which says where, if it holds none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        content = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
        if b"NaN" not in content and b"Infinity" not in content:
            raise
    return _with_constants(content)


def _with_constants(content: bytes) -> Any:
    """Read with Python's parser, which takes the constants, what the quick one would read."""
    try:
        value = json.loads(
            content.decode(), parse_constant=_CONSTANTS.__getitem__, parse_int=_whole
        )
        if b"\\u" in content:
            # Half of a surrogate pair is not a character; nothing could write it out again.
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _whole(digits: str) -> int | float:
    """Return a whole number; as a float if it has more than 64 bits, as the quick way does."""
    if len(digits) <= _SURE_DIGITS:
        return int(digits)
    number = float(digits)
    if abs(number) > _LIMITS[1]:
        return number
    whole = int(digits)
    return whole if _LIMITS[0] <= whole < _LIMITS[1] else number
