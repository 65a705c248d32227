"""The files of versions, as far as the server keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from pegboard.errors import InvalidValue
from pegboard_scripting import resolver
from pegboard_scripting.resolver import Kind, Resolver
from pegboard_wire import places
from pegboard_wire.requests import store_of, text
from pegboard_wire.sending import send

from pegboard_registry.wire.calls import registry_of

if TYPE_CHECKING:
    from pegboard_wire.http import Answer, Call
    from pegboard_wire.places import Place


def get_artifact(call: Call) -> Answer:
    """Send a file of a version."""
    given = call.parameters
    place = _place_of(call, text(given, "name"), text(given, "version"))
    path = place.path(text(given, "path"))
    if path == place.directory:
        raise InvalidValue("The field 'path' names no file.")
    return send(call.headers, place.store, path)


def _place_of(call: Call, name: str, version: str) -> Place:
    """Return the directory of a version's files; NotSupported if the server does not keep them."""

    def kind_at(location: str, path: str) -> Kind:
        place = places.place_of(call, location)
        return resolver.kind_at(place.store, place.path(path))

    registry = registry_of(call)
    found = Resolver(store_of(call), lambda: registry, kind_at)
    files = found.of_version(registry.get_version(name, version))
    place = places.place_of(call, files.location)
    return evolve(place, directory=place.path(files.path))
