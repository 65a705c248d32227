"""Endpoints that are imported when they are asked for: a server starts with their places alone.

To import what answers hundreds of endpoints takes longer than all else that a server does before
its first answer, and most processes answer a few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from attrs import field, frozen
from pegboard import plugin_calls, targets
from pegboard.errors import PluginError

from pegboard_wire.http import Endpoint
from pegboard_wire.sentences import told


def _lines(places: str | Iterable[str]) -> tuple[str, ...]:
    lines = places.splitlines() if isinstance(places, str) else places
    return tuple(" ".join(line.split()) for line in lines if line.strip())


@frozen
class Room:
    """The endpoints of one module, for ``pegboard_endpoints`` to declare in place of themselves."""

    target: str = field(validator=targets.check)
    """What holds them or returns them: ``package.module:ENDPOINTS``."""
    places: tuple[str, ...] = field(converter=_lines)
    """All of them, as ``METHOD PATH``, or a text with such lines: ``GET /api/2.0/mlflow/runs/get``.
    The method is ``*`` where an endpoint answers all that no other of its path does."""
    sentences: str = ""
    """A target again: what MLflow's server says of some faults of all of them, as in ``told``."""


@frozen(eq=False)
class Place:
    """A method and a path that a server serves, and how to get the endpoint behind them."""

    method: str
    path: str
    load: Callable[[], Endpoint] = field(repr=False)
    """Returns the endpoint; imports its module when it is called for the first time."""
    is_loaded: bool = False
    """Whether there is nothing left to import."""


def places_of(items: Iterable[Endpoint | Room]) -> list[Place]:
    """Return the places of what a plugin declares; TypeError if that is something else."""
    found: list[Place] = []
    for item in items:
        if isinstance(item, Room):
            parts = (each.partition(" ") for each in item.places)
            found += (_place(item, method, path) for method, _, path in parts)
        else:
            found.append(place_of(plugin_calls.checked(item, Endpoint)))
    return found


def place_of(endpoint: Endpoint) -> Place:
    """Return the place of an endpoint that is there."""
    return Place(endpoint.method, endpoint.path, lambda: endpoint, is_loaded=True)


def _place(room: Room, method: str, path: str) -> Place:
    def load() -> Endpoint:
        found = within(room).get((method, path))
        if found is None:
            raise PluginError(
                f"{room.target} has no endpoint {method} {path}, which its plugin declares.",
                hint="Update the plugin.",
            )
        return found

    return Place(method, path, load)


@cache
def within(room: Room) -> Mapping[tuple[str, str], Endpoint]:
    """Return the endpoints that a room's target holds or returns, by method and path."""
    held = targets.resolve(room.target)
    listed: Iterable[Endpoint] = held() if callable(held) else held
    found = [plugin_calls.checked(each, Endpoint) for each in listed]
    if room.sentences:
        found = told(found, targets.resolve(room.sentences))
    return {(each.method, each.path): each for each in found}
