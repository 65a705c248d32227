"""The registry that a server serves."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pegboard import uris
from pegboard.errors import NotSupported, UnknownScheme

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.host import Host

_REMOTE = ("http", "https")


def registry_uri(host: Host, tracking_uri: str | None) -> str:
    """Return the URI of the registry that a server with this store serves.

    That is the configured one, unless it is a server, such as this one itself: a configuration is
    shared by clients and servers.
    """
    configured = host.config.pegboard.registry_uri
    if configured and scheme_of(configured) not in _REMOTE:
        return configured
    return tracking_uri or host.config.pegboard.tracking_uri


def open_registry(host: Host, tracking_uri: str | None) -> ModelRegistry:
    """Return the registry that a server with this store serves; NotSupported if there is none."""
    try:
        return host.model_registry(registry_uri(host, tracking_uri))
    except UnknownScheme as error:
        raise NotSupported(
            "This server has no model registry.",
            hint="Its store keeps none; [registry] uri in pegboard.toml can name one.",
        ) from error


@lru_cache(maxsize=64)
def scheme_of(uri: str) -> str:
    """Return the scheme of a URI, which servers ask for with every call."""
    return uris.parse(uri).scheme
