"""The settings of ``[plugins.recipes]``."""

from __future__ import annotations

from attrs import field, frozen

NAME = "recipes"
"""The name of the entry point, and of the table in the configuration."""


@frozen(kw_only=True)
class Settings:
    """What can be set."""

    url_allow: list[str] = field(factory=list)
    """Hosts that data may be fetched from though they are not public, with or without a port."""
