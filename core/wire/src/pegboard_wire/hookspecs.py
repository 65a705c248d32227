"""Hooks for serving over HTTP, added to the host's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pegboard.hookspecs import hookspec

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_wire.http import Endpoint, Identity
    from pegboard_wire.rooms import Room

End: TypeAlias = Callable[[], None]
"""Ends what was begun."""


@hookspec
def pegboard_endpoints() -> Sequence[Endpoint | Room]:
    """Declare HTTP endpoints, or rooms of them; is called by the server only.

    What answers the endpoints of a room is imported when one of them is first asked for. A plugin
    that returns endpoints imports all that answers them when a server starts.
    """
    return ()


@hookspec
def pegboard_server_started(host: Host, tracking_uri: str | None, workers: int) -> End | None:
    """Begin what goes on beside the requests of a server, and return what ends it.

    Called in each process of a server that serves plugins' endpoints, with the store that it was
    started with (None: the configured one), and how many such processes there are. Must be quick:
    what takes time belongs in a thread.
    """


@hookspec
def pegboard_callers(host: Host) -> Callable[[Mapping[bytes, bytes]], Identity | None]:
    """Return what knows callers beside the server's users: by keys of the plugin's own, say.

    It is called with the headers of each request (names in lower case), on the event loop, so it
    must be quick. It returns None for who is not its own, whom the server then looks for itself.
    """
    raise NotImplementedError


@hookspec
def pegboard_collectors(host: Host) -> Sequence[Any]:  # noqa: ARG001
    """Return collectors of ``prometheus_client`` whose numbers the server's /metrics shows too.

    Each worker asks them: what they tell is of all workers together.
    """
    return ()
