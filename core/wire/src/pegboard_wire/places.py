"""Which files the server hands out and takes in: those below the store's own destination.

A client may give an experiment any artifact location. Were it opened, the server would read files
of its machine, or call other servers, for everybody who asks.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from attrs import evolve, frozen
from pegboard import uris
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue, NotSupported, Refused
from pegboard.paths import safe_relative

from pegboard_wire.requests import store_of

if TYPE_CHECKING:
    from pegboard_wire.http import Call

MAX_PATH_BYTES = 2048
MAX_NAME_BYTES = 200
_LOCAL = ("file", uris.PLAIN_PATH)


@frozen
class Place:
    """A directory of an artifact store, such as that of a run."""

    store: ArtifactStore
    directory: str
    """The path in the store, ``""`` for its root."""

    def path(self, relative: str) -> str:
        """Return the path within the store of a path below this place; UnsafePath, InvalidValue."""
        return posixpath.join(self.directory, checked(relative)).rstrip("/")

    def list(self, relative: str) -> list[FileInfo]:
        """Return what is directly below a directory; paths are relative to this place."""
        found = self.store.list(self.path(relative))
        skipped = len(self.directory) + 1 if self.directory else 0
        return [evolve(file, path=file.path[skipped:]) for file in found]


def destination(call: Call) -> Place:
    """Return the root of all files that clients keep behind the server; NotSupported."""
    uri = store_of(call).artifact_destination()
    if uri is None:
        raise NotSupported(
            "This server keeps no files for its clients.",
            hint="It was started with --no-serve-artifacts, or its store has no place for them.",
        )
    return Place(call.host.artifact_store(uri), "")


def place_of(call: Call, location: str) -> Place:
    """Return the place that an artifact location names; Refused if it is not the server's."""
    root = destination(call)
    store = store_of(call)
    uri = store.artifact_destination()
    assert uri is not None
    inside = _inside(uri, store.located(location))
    if inside is None:
        raise Refused(
            "The files are not in a place that this server hands out.",
            hint=f"Read them directly from {location}.",
        )
    return evolve(root, directory=safe_relative(inside))


def refuse_unusable(call: Call, location: str) -> None:
    """Raise InvalidValue if files could not be used at a location; those elsewhere may be."""
    store = store_of(call)
    uri, located = store.artifact_destination(), store.located(location)
    if uris.parse(located).scheme in _LOCAL:
        uris.parse(located).local_path()
    if uri is not None and (inside := _inside(uri, located)):
        safe_relative(inside)
    if uris.parse(location).scheme == uris.PROXIED:
        safe_relative(unquote(urlsplit(location).path.strip("/")))


def _inside(base: str, uri: str) -> str | None:
    """Return the path of a URI below another; None if it is not below."""
    root, place = uris.parse(base), uris.parse(uri)
    if root.scheme in _LOCAL and place.scheme in _LOCAL:
        try:
            relative = place.local_path().relative_to(root.local_path()).as_posix()
        except ValueError:
            return None
        return "" if relative == "." else relative
    prefix, _, query = base.partition("?")
    whole, _, own_query = uri.partition("?")
    prefix = prefix.rstrip("/")
    if query != own_query or not (whole == prefix or whole.startswith(prefix + "/")):
        return None
    return unquote(whole[len(prefix) :].strip("/"))


def checked(path: str) -> str:
    """Return a relative path in normal form, if it may be that of a file."""
    relative = safe_relative(path)
    encoded = relative.encode()
    if len(encoded) > MAX_PATH_BYTES or any(
        len(name) > MAX_NAME_BYTES for name in encoded.split(b"/")
    ):
        raise InvalidValue(
            f"The path {relative[:40]!r}… is too long: {MAX_NAME_BYTES} bytes are allowed for a "
            f"name, {MAX_PATH_BYTES} for all."
        )
    return relative
