"""The files of versions, as far as the server keeps them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import evolve
from pegboard.errors import InvalidValue, NotSupported
from pegboard_tracking.wire import places, transfer
from pegboard_tracking.wire.requests import store_of, text

from pegboard_registry.wire.calls import registry_of

if TYPE_CHECKING:
    from pegboard.contracts.http import Answer, Call
    from pegboard_tracking.wire.places import Place

_OF_RUN = re.compile(r"runs:/([^/]+)(?:/(.*))?")
_OF_LOGGED_MODEL = re.compile(r"models:/(m-[^/@]+)")
_OF_VERSION = re.compile(r"models:/([^/@]+)/([0-9]+)")
_MOST_COPIES = 16
"""How many versions may stand for one another in a row."""


def get_artifact(call: Call) -> Answer:
    """Send a file of a version."""
    given = call.parameters
    place = _place_of(call, text(given, "name"), text(given, "version"))
    path = place.path(text(given, "path"))
    if path == place.directory:
        raise InvalidValue("The field 'path' names no file.")
    return transfer.send(call.headers, place.store, path)


def _place_of(call: Call, name: str, version: str) -> Place:
    """Return the directory of a version's files; NotSupported if the server does not keep them."""
    registry = registry_of(call)
    uri = registry.download_uri(name, version)
    for _ in range(_MOST_COPIES):
        match = _OF_VERSION.fullmatch(uri)
        if match is None:
            return _resolved(call, uri)
        uri = registry.download_uri(match[1], match[2])
    raise NotSupported(f"The version {version} of {name!r} is a copy of too many others.")


def _resolved(call: Call, uri: str) -> Place:
    store = store_of(call)
    if match := _OF_RUN.fullmatch(uri):
        place = places.place_of(call, store.get_run(match[1]).info.artifact_uri)
        return evolve(place, directory=place.path(match[2] or ""))
    if match := _OF_LOGGED_MODEL.fullmatch(uri):
        uri = store.logged_models().get(match[1]).artifact_location
    return places.place_of(call, uri)
