"""Limits of names and values: MLflow's, so that what we accept it accepts.

Only the checks that others than stores make too are here; ``pegboard_stores.validation`` has all.
"""

from __future__ import annotations

import os
import posixpath
import re
import warnings
from typing import Any

from pegboard.entities import RunTag
from pegboard.errors import InvalidValue, quoted, with_article

MAX_KEY = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000
MAX_DATASET_SCHEMA = 1_048_575

_KEY = re.compile(r"[/\w.\- :]+")


def key(name: Any, what: str) -> str:
    """Return ``name`` if it may name a metric, param or tag; ``what`` says which, for errors."""
    if not isinstance(name, str):
        raise InvalidValue(f"The {what} name {quoted(name)} is {type_of(name)}, not a string.")
    if not name:
        raise InvalidValue(f"A {what} needs a name; got an empty one.")
    if len(name) > MAX_KEY:
        raise InvalidValue(
            f"The {what} name {quoted(name)} has {len(name)} characters; {MAX_KEY} are allowed."
        ).about(_fault("long", what), name=name, limit=MAX_KEY, at="")
    if _KEY.fullmatch(name) is None:
        bad = "".join(sorted({c for c in name if _KEY.fullmatch(c) is None}))
        raise InvalidValue(
            f"The {what} name {name!r} holds {bad!r}.",
            hint="Letters, digits, '_', '-', '.', ':', '/' and spaces are allowed.",
        ).about(_fault("bad", what), name=name, at="")
    if posixpath.normpath(name) != name or name == "." or name.startswith(("/", "..")):
        raise InvalidValue(
            f"The {what} name {name!r} is not a plain path.",
            hint="Leave out leading '/', doubled '/', and the parts '.' and '..'.",
        ).about(_fault("twisted", what), name=name, at="")
    return name


def _fault(trouble: str, what: str) -> str:
    return f"{trouble}_{what.replace(' ', '_')}_name"


def tag(item: RunTag) -> RunTag:
    """Return a run's tag whose value is text within the limit."""
    return RunTag(key(item.key, "tag"), text(item.value, f"tag {item.key!r}", MAX_TAG_VALUE))


def text(value: Any, what: str, limit: int) -> str:
    """Return ``value`` as text.

    One that is too long is cut, with a warning, as MLflow does; with the environment variable
    ``MLFLOW_TRUNCATE_LONG_VALUES=false`` it is an InvalidValue instead.
    """
    result = str(value)
    if len(result) <= limit:
        return result
    message = f"The value of {what} has {len(result)} characters; {limit} are allowed."
    if os.environ.get("MLFLOW_TRUNCATE_LONG_VALUES", "true").lower() in ("false", "0"):
        raise InvalidValue(message)
    warnings.warn(f"{message} It was cut.", stacklevel=4)
    return result[:limit]


def type_of(value: object) -> str:
    """Return the type of a value, for errors: ``an int``."""
    return with_article(type(value).__name__)
