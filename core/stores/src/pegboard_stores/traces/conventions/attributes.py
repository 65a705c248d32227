"""Reading attributes whose values may be JSON in a text, as OpenTelemetry has no nested ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from pegboard_stores import json_size

MOST_VALUES = 100_000
"""How many names and values a text may hold; with more it stays a text."""
MOST_DEPTH = 32

Attributes: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = str | re.Pattern[str] | Callable[[Attributes], Any]
"""The name of an attribute, the form of such names, or what finds the value itself."""

TAG = "mlflow.traceTag."
"""The attributes that begin so are tags of the trace, which are texts."""
_BEGINNINGS = ("{", "[", '"')
_UNSTORABLE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
"""Halves of surrogate pairs and NUL, which not every store keeps."""


class _NotFinite(ValueError):
    """A number that JSON does not have."""


def told(value: Any) -> Any:
    """Return what a text says in JSON, if that is a text, an array or an object; else the value."""
    if not isinstance(value, str) or not value.lstrip().startswith(_BEGINNINGS):
        return value
    found = parsed(value)
    return found if isinstance(found, (str, list, dict)) else value


def parsed(text: str) -> Any:
    """Return what a text says in JSON, the text itself if it is none or holds too much."""
    if "\\u" in text and _UNSTORABLE.search(text):
        return text
    if len(text) > MOST_VALUES and json_size.has_more_values(text.encode(), MOST_VALUES):
        return text
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return text
    return found if _is_shallow(found, MOST_DEPTH) else text


def _refuse(name: str) -> Any:
    raise _NotFinite(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _NotFinite(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def _is_shallow(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        items = iter(value.values())
    elif isinstance(value, list):
        items = iter(value)
    else:
        return True
    inner = [item for item in items if isinstance(item, (dict, list))]
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in inner)


def is_read_out(key: str) -> bool:
    """Whether JSON in the text of this attribute is read: it is one of MLflow's own."""
    return key.startswith("mlflow.") and not key.startswith(TAG)


def unread(key: str, value: Any) -> Any:
    """Return the value to send for this one to arrive where such JSON is read."""
    return json.dumps(value) if is_read_out(key) and told(value) is not value else value


def first(given: Attributes, readers: Iterable[Reader]) -> Any:
    """Return what the first of these finds that is not empty; None if none does."""
    for reader in readers:
        if isinstance(reader, str):
            value = told(given[reader]) if reader in given else None
        elif isinstance(reader, re.Pattern):
            value = next((told(given[key]) for key in given if reader.match(key)), None)
        else:
            value = reader(given)
        if value:
            return value
    return None


def text_of(given: Attributes, key: str) -> str:
    """Return an attribute that is a text, "" if it is none."""
    found = told(given.get(key))
    return found if isinstance(found, str) else ""


def whole(value: Any) -> int | None:
    """Return a count, which may be in a text; None if it is none."""
    if isinstance(value, str):
        try:
            value = int(told(value))
        except (TypeError, ValueError):
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
