"""What a server can do beyond MLflow's protocol: asked once, by a path that only ours know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from pegboard.errors import InvalidValue, PegboardError

from pegboard_wire import scalars
from pegboard_wire.client.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pegboard_wire.client.connection import Connection

PATH = "/api/pegboard/1.0/abilities"


@frozen
class Abilities:
    """What a server can do; a server that is not ours, nothing of it."""

    heartbeat_seconds: float | None = None
    """How often a client says that its runs are alive; None: the server does not listen."""
    packed_points: bool = False
    """Whether points may be sent as journals keep them."""
    sampled_history: bool = False
    """Whether histories are reduced as the contract of tracking stores wants it."""
    resumable_uploads: bool = False
    """Whether files may be sent in parts, of which the server says which have arrived."""
    list_tags: bool = False
    """Whether it adds to tags that hold lists, in one step."""


def ask(connection: Connection, *, patient: bool) -> Abilities:
    """Return what a server can do; Unreachable if that cannot be known now."""
    try:
        return _read(connection.call("GET", PATH, {}, patient=patient))
    except Unreachable:
        raise
    except PegboardError:
        # Whatever another server says of a path that it does not know.
        return Abilities()


def _read(answer: Mapping[str, Any]) -> Abilities:
    seconds = answer.get("heartbeat_seconds")
    try:
        return Abilities(
            None if seconds is None else max(scalars.double(seconds, "heartbeat_seconds"), 0.1),
            answer.get("packed_points") is True,
            answer.get("sampled_history") is True,
            answer.get("resumable_uploads") is True,
            answer.get("list_tags") is True,
        )
    except InvalidValue:
        return Abilities()
