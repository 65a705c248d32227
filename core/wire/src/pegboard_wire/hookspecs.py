"""Hooks for serving over HTTP, added to the host's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import hookspec

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_wire.http import Endpoint


@hookspec
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Declare HTTP endpoints; imports what answers them, and is called by the server only."""
    return ()


@hookspec
def pegboard_server_started(host: Host, tracking_uri: str | None) -> Callable[[], None] | None:
    """Begin what goes on beside the requests of a server, and return what ends it.

    Called in each process of a server that serves plugins' endpoints, with the store that it was
    started with (None: the configured one). Must be quick: what takes time belongs in a thread.
    """
