"""Settings that upstreams of several vendors have."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen
from pegboard.errors import ConfigError
from pegboard.settings import Secret
from pegboard_llm.vendors import checked_url


def address(_: object, attribute: Attribute[str], value: str) -> None:
    """Refuse what is no address of an API; for fields of settings. Empty is none."""
    if value:
        try:
            checked_url(value, attribute.name)
        except ConfigError as error:
            raise ValueError(f"{error.message} {error.hint}") from None


def url_field(default: str = "") -> Any:
    """Return a field for the address of an API."""
    return field(default=default, validator=address)


@frozen(kw_only=True)
class KeyAndAddress:
    """A key, and the address of the API if it is not the vendor's usual one."""

    api_key: Secret = field(factory=Secret)
    base_url: str = url_field()
    headers: dict[str, Secret] = field(factory=dict)
    """Sent with each request."""


@frozen(kw_only=True)
class ServerAddress:
    """A server of one's own, and the key that it may ask for."""

    base_url: str = url_field()
    api_key: Secret = field(factory=Secret)
    headers: dict[str, Secret] = field(factory=dict)
    """Sent with each request."""


def extra_headers(headers: dict[str, Secret]) -> dict[str, str]:
    """Return the headers of settings, whose names are in lower case."""
    return {name.lower(): secret.value for name, secret in headers.items()}
