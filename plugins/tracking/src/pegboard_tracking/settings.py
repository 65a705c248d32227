"""The settings of ``[plugins.tracking]``."""

from __future__ import annotations

from attrs import field, frozen, validators
from pegboard.config import HttpConfig
from pegboard.settings import shared


@frozen(kw_only=True)
class Settings:
    """What can be set."""

    artifacts: str = ""
    """Where new experiments keep their files; without one, beside the store."""
    heartbeat_seconds: float = field(default=10.0, validator=validators.gt(0))
    """How often a running process gives a sign of life."""
    lost_after_seconds: float = field(default=60.0, validator=validators.gt(0))
    """A run that was silent for so long is LOST."""
    synchronous: str = field(default="normal", validator=validators.in_(("normal", "full")))
    """"normal" survives the death of a process, "full" a power cut too."""
    journal_wait_seconds: float = field(default=60.0, validator=validators.ge(0))
    """How long the end of a run waits for a server that is out of reach."""
    sender: bool = True
    """Whether a process is started that delivers what a killed client of a server leaves."""
    sender_idle_seconds: float = field(default=30.0, validator=validators.ge(0))
    """How long that process waits for another client before it ends."""
    http: HttpConfig = shared(HttpConfig)
