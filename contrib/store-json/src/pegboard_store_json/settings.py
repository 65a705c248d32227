"""The settings of ``[plugins.store-json]``."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Settings:
    """What can be set."""

    indent: int = 2
    """By how many spaces the JSON is indented."""
    fsync: bool = False
    """Whether a write waits for the disk."""
