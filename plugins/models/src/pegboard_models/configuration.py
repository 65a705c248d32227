"""The configuration of custom models: plain values that a load may replace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard.errors import InvalidValue, quoted


def configuration(
    given: Mapping[str, Any] | str | os.PathLike[str] | None,
) -> dict[str, Any] | None:
    """Return a configuration, read from a YAML file if it is a path."""
    if given is None:
        return None
    if isinstance(given, (str, os.PathLike)):
        from pegboard_models import yaml_files

        given = yaml_files.load(Path(given))
    if not isinstance(given, Mapping):
        raise InvalidValue(f"A model's configuration is a mapping, not {quoted(given)}.")
    return dict(given)


def flattened(given: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return a configuration without levels: the keys of inner mappings follow a ``/``."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = f"{above}{key}"
        found.update(flattened(value, f"{name}/") if isinstance(value, Mapping) else {name: value})
    return found


def overridden(
    logged: Any, given: Mapping[str, Any] | str | os.PathLike[str] | None
) -> dict[str, Any] | None:
    """Return a logged configuration with the values of another in place of its own."""
    ours = dict(logged) if isinstance(logged, Mapping) else None
    theirs = configuration(given)
    if theirs is None or ours is None:
        return theirs if ours is None else ours
    return {**ours, **theirs}
