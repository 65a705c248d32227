"""A plugin with settings: texts, numbers, a secret, and a list of tables."""

from __future__ import annotations

from attrs import field, frozen, validators
from pegboard.config import HttpConfig
from pegboard.hookspecs import hookimpl
from pegboard.settings import Secret, shared


@frozen
class Rule:
    """Who receives a mail about what."""

    event: str
    to: list[str] = field(factory=list)


@frozen(kw_only=True)
class Settings:
    """The table [plugins.mail]."""

    server: str = "localhost"
    port: int = field(default=25, validator=[validators.ge(1), validators.le(65535)])
    password: Secret = field(factory=Secret)
    rules: list[Rule] = field(factory=list)
    http: HttpConfig = shared(HttpConfig)


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings."""
    return "examples.mail:Settings"
