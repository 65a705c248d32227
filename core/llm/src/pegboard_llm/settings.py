"""The table [plugins.llm]: how scripts ask language models."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen, validators
from pegboard.config import HttpConfig
from pegboard.settings import Secret, shared


@frozen(kw_only=True)
class Settings:
    """How scripts ask language models."""

    providers: dict[str, dict[str, Any]] = field(factory=dict)
    """Settings of providers by name, such as ``[plugins.llm.providers.openai]``. A table of another
    name says with ``provider`` which one it is of."""
    gateway_uri: str = ""
    """The gateway that ``gateway:/NAME`` and ``endpoints:/NAME`` ask."""
    gateway_key: Secret = field(factory=Secret)
    """The key for it."""
    connect_seconds: float = field(default=10.0, validator=validators.gt(0))
    timeout_seconds: float = field(default=300.0, validator=validators.gt(0))
    """How long to wait for an answer to begin, and for each further part of it."""
    retries: int = field(default=3, validator=validators.ge(0))
    backoff_seconds: float = field(default=0.5, validator=validators.ge(0))
    """How long to wait before the first of the retries; it doubles from one to the next."""
    retry_seconds: float = field(default=60.0, validator=validators.ge(0))
    """After so long nothing is tried again, whatever the number of retries."""
    pace_directory: str = ""
    """Where processes share how often an upstream is asked; without it, in the user's cache, but
    for servers of this machine."""
    http: HttpConfig = shared(HttpConfig)
