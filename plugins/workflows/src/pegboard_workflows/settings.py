"""The settings of ``[plugins.workflows]``."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen(kw_only=True)
class Settings:
    """What can be set."""

    concurrency: int = field(default=4, validator=validators.ge(1))
    """How many tasks run at a time, unless the workflow or the command says."""
