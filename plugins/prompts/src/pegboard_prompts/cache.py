"""Versions that this process has loaded, under MLflow's environment variables.

``MLFLOW_VERSION_PROMPT_CACHE_TTL_SECONDS`` (versions by number; for ever by default),
``MLFLOW_ALIAS_PROMPT_CACHE_TTL_SECONDS`` (aliases and the newest version; 60) and
``MLFLOW_PROMPT_CACHE_MAX_SIZE`` (128); or ``PEGBOARD_…``. What this process changes of a prompt
makes it forget all that it knows of it, under every alias.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from math import inf
from time import monotonic

from pegboard.errors import InvalidValue
from pegboard_scripting.fluent import environment

from pegboard_prompts.entities import PromptVersion

VERSION_TTL = "VERSION_PROMPT_CACHE_TTL_SECONDS"
ALIAS_TTL = "ALIAS_PROMPT_CACHE_TTL_SECONDS"
MAX_SIZE = "PROMPT_CACHE_MAX_SIZE"
_ALIAS_SECONDS, _ENTRIES = 60.0, 128

_lock = threading.Lock()
_entries: dict[Hashable, tuple[PromptVersion, float]] = {}
"""What was loaded as what, the least recently kept first, and until when it holds."""
_changes = 0
"""How often something was forgotten: what was read before that is not kept."""


def get(key: Hashable) -> PromptVersion | None:
    """Return what is known under a key, None if nothing is or it is too old."""
    entry = _entries.get(key)
    if entry is None or entry[1] < monotonic():
        return None
    return entry[0]


def moment() -> int:
    """Return what to give ``keep`` for something that is read from now on."""
    return _changes


def keep(key: Hashable, version: PromptVersion, seconds: float, since: int) -> None:
    """Keep a version, unless something was forgotten since ``moment`` returned ``since``."""
    most = int(_seconds(MAX_SIZE, _ENTRIES))
    if seconds <= 0 or most <= 0:
        return
    with _lock:
        if since != _changes:
            return
        _entries.pop(key, None)
        while len(_entries) >= most:
            del _entries[next(iter(_entries))]
        _entries[key] = (version, monotonic() + seconds)


def ttl(*, by_number: bool) -> float:
    """Return how many seconds a version is kept by default: one by its number, or by an alias."""
    return _seconds(VERSION_TTL, inf) if by_number else _seconds(ALIAS_TTL, _ALIAS_SECONDS)


def forget(name: str) -> None:
    """Forget all that is known of a prompt, in whatever registry."""
    global _changes
    with _lock:
        _changes += 1
        for key in [key for key, entry in _entries.items() if entry[0].name == name]:
            del _entries[key]


def clear() -> None:
    """Forget everything."""
    global _changes
    with _lock:
        _changes += 1
        _entries.clear()


def _seconds(name: str, default: float) -> float:
    found = environment.find(name)
    if found is None:
        return default
    try:
        return float(found[1])
    except ValueError:
        raise InvalidValue(
            f"The environment variable {found[0]} is {found[1]!r}, not a number."
        ) from None
