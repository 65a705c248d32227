"""Values as JSON, at the moment they are given: what is changed later is not what was seen.

What JSON cannot hold becomes text, so that tracing never fails for what is traced.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

from pegboard_stores import quick_json

MOST = 4 << 20
"""How many characters of one value are kept."""


def encode(value: Any) -> str:
    """Return a value as JSON, at most about MOST characters of it."""
    try:
        text = _encode(value)
    except Exception:
        text = _encode(_shown(value))
    return text if len(text) <= MOST else _cut(text)


def decode(text: str) -> Any:
    """Return the value that ``encode`` made a text of."""
    return json.loads(text)


def _cut(text: str) -> str:
    kept = f"{text[:MOST]}… [{MOST} of {len(text)} characters of this value were kept]"
    return _encode(kept)


def _default(value: Any) -> Any:
    """Return something that JSON can hold in the place of a value that it cannot."""
    dump = getattr(type(value), "model_dump", None)
    if dump is not None:
        return dump(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(value)


def _shown(value: Any) -> str:
    """Return a text for what cannot be encoded: it refers to itself, say, or its keys are odd."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__module__}.{type(value).__qualname__} that cannot be shown>"


_encode = quick_json.encoder(", ", ": ", _default)
