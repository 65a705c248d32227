"""The version of this distribution."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Return the version of this distribution."""
    return metadata.version("pegboard-models")
