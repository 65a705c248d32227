"""The settings of a server: from its options, by ``[plugins.server]``, and by defaults."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen, validators


@frozen(kw_only=True)
class Configured:
    """The settings of ``[plugins.server]``."""

    users_file: str = ""
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    access_log: bool = True
    threads: int = field(default=8, validator=validators.ge(1))
    """How many calls wait for the store at the same time; eight times as many may queue."""
    max_connections: int = field(default=1000, validator=validators.ge(1))
    max_connections_per_address: int = field(default=500, validator=validators.ge(1))
    """How many of them one address may hold; this machine and trusted proxies may hold all."""
    max_streams: int = field(default=64, validator=validators.ge(1))
    max_body_mib: int = field(default=16, validator=validators.ge(1))
    """The longest JSON body."""
    max_bodies_mib: int = field(default=128, validator=validators.ge(1))
    """All JSON bodies that are in memory at one time."""
    max_values: int = field(default=200_000, validator=validators.ge(1))
    """How many names and values one JSON body may hold."""
    read_timeout_seconds: float = field(default=20.0, validator=validators.gt(0))
    """How long a client may take for its headers, for a JSON body, or for the next piece of a
    stream."""
    write_timeout_seconds: float = field(default=60.0, validator=validators.gt(0))
    """How long a client may take nothing of an answer."""
    request_timeout_seconds: float = field(default=120.0, validator=validators.gt(0))
    """How long a request that only reads may be worked on."""
    keep_alive_seconds: float = field(default=75.0, validator=validators.gt(0))
    stop_timeout_seconds: float = field(default=30.0, validator=validators.gt(0))
    """How long the server may take to stop, whatever it does: all but the last quarter (at most 5
    seconds) is for requests in flight, the rest for the stores."""


@frozen(kw_only=True)
class Settings(Configured):
    """All that one worker has to know; plain values, so that it can be handed to a process."""

    tracking_uri: str
    config_file: str | None = None
    host: str = "127.0.0.1"
    root_path: str = ""
    """The path under which a proxy shows the server: empty, or ``/a/b``."""
    tls_cert: str | None = None
    tls_key: str | None = None
    insecure: bool = False
    """Whether it may listen beyond this machine without authentication."""
    token: str | None = None
    """A token that grants all but administration, beside those of ``users_file``."""
    session_key: str = field(factory=lambda: secrets.token_hex(32), repr=False)
    """What the cookies of browsers are signed with, by all processes of the server."""

    @property
    def max_body(self) -> int:
        """The longest JSON body, in bytes."""
        return self.max_body_mib << 20

    @property
    def max_bodies(self) -> int:
        """All JSON bodies at one time, in bytes."""
        return self.max_bodies_mib << 20

    def to_json(self) -> str:
        """Return what ``from_json`` understands."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Settings:
        """Return the settings that ``to_json`` wrote."""
        return Settings(**_tuples(json.loads(text)))

    @staticmethod
    def of(configured: Configured, base: Path, **options: Any) -> Settings:
        """Return the settings of the configuration, overridden by the options that are not None.

        ``base`` is the directory that a relative ``users_file`` of the configuration starts from.
        """
        values = asdict(configured)
        if values["users_file"]:
            values["users_file"] = str(base / Path(values["users_file"]).expanduser())
        for key in ("allowed_hosts", "cors_origins", "trusted_proxies"):
            values[key] = [*values[key], *options.pop(key, ())]
        values |= {key: value for key, value in options.items() if value is not None}
        return Settings(**_tuples(values))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
