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

MAX_EXPERIMENT_NAME = 500
MAX_KEY = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000
MAX_EXPERIMENT_TAG_VALUE = 20_000
MAX_DATASET_NAME = 500
MAX_DATASET_DIGEST = 36
MAX_DATASET_SOURCE = 65_535
MAX_DATASET_SCHEMA = 1_048_575
MAX_DATASET_PROFILE = 16_777_215
MAX_MODEL_NAME = 500
MAX_MODEL_TYPE = 500
MAX_MODEL_TEXT = 65_535
MAX_INPUT_TAG_KEY = 255
MAX_REGISTERED_NAME = 256
MAX_ALIAS = 255
MAX_REGISTRY_TEXT = 100_000
MAX_SOURCE = 4096
MAX_INPUT_TAG_VALUE = 500
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_KEY = re.compile(r"[/\w.\- :]+")
_ALIAS = re.compile(r"[\w\-]+")
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)


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


def alias(name: Any, *, new: bool = False) -> str:
    """Return ``name`` if it may be an alias; a ``new`` one is not what versions are called by."""
    if not isinstance(name, str) or _ALIAS.fullmatch(name) is None or len(name) > MAX_ALIAS:
        raise InvalidValue(
            f"{quoted(name)} is not an alias.",
            hint=f"An alias has 1 to {MAX_ALIAS} letters, digits, '_' and '-'.",
        ).about(
            "long_alias" if isinstance(name, str) and len(name) > MAX_ALIAS else "bad_alias",
            alias=name,
            limit=MAX_ALIAS,
        )
    if new and _RESERVED_ALIAS.fullmatch(name):
        raise InvalidValue(
            f"The alias {name!r} is reserved.",
            hint="'latest' is the newest version, and 'v3' would look like version 3.",
        ).about("latest_alias" if name.lower() == "latest" else "reserved_alias", alias=name)
    return name


def type_of(value: object) -> str:
    """Return the type of a value, for errors: ``an int``."""
    return with_article(type(value).__name__)
