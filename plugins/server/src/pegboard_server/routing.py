"""Which endpoint answers a method and a path.

Paths are matched as they came, before percent-decoding, so that an encoded slash is never taken
for a separator.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from attrs import define, field
from pegboard import paths
from pegboard.errors import InvalidValue, PluginError
from pegboard_wire.http import Endpoint, Tell
from pegboard_wire.lazy import LazyEndpoint, lazy_endpoint

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")
_ALIASES = (("/api/", "/ajax-api/"),)


@define(eq=False)
class Route:
    """A place as it is dispatched, and its endpoint once that is loaded."""

    place: LazyEndpoint
    number: int
    """Its place in the table of endpoints, and so in the metrics."""
    is_loaded: bool = field(init=False, default=False)
    endpoint: Endpoint = field(init=False)
    """To be read once ``is_loaded``."""
    is_coroutine: bool = field(init=False, default=False)
    is_quick: bool = field(init=False, default=False)
    """Whether the quick lane may answer it."""

    def load(self) -> Endpoint:
        """Return the endpoint; imports its module if that is not done yet."""
        if not self.is_loaded:
            self.endpoint = endpoint = self.place.load()
            handle = endpoint.handle
            call = getattr(handle, "__call__", None)  # noqa: B004 (an object with an async __call__)
            self.is_coroutine = any(map(inspect.iscoroutinefunction, (handle, call)))
            self.is_quick = endpoint.quick and endpoint.application is None
            self.is_loaded = True
        return self.endpoint

    def tell(self) -> Tell | None:
        """Return what makes the bodies of errors, if that is not MLflow's form."""
        return self.endpoint.tell if self.is_loaded else self.place.tell()


Methods = dict[str, Route]
Match: TypeAlias = "re.Match[bytes] | None"
"""Where in a path its parameters are; they are read when the caller is known to be allowed."""


class Router:
    """Finds routes: by one look-up for fixed paths, by expressions for those with parameters."""

    def __init__(self, served: Iterable[Endpoint | LazyEndpoint]) -> None:
        """Take endpoints in, or places; PluginError if one has a path that cannot be served."""
        self.routes = [Route(_place(each), number) for number, each in enumerate(served)]
        self.fixed: dict[bytes, Methods] = {}
        """What serves paths without parameters."""
        found: dict[str, Methods] = {}
        below: dict[bytes, Route] = {}
        for route in self.routes:
            below |= {prefix.encode(): route for prefix in route.place.tell_below}
            if route.place.is_loaded:
                route.load()
            for path in _served(route.place.path):
                if "{" in path:
                    found.setdefault(path, {})[route.place.method] = route
                else:
                    self.fixed.setdefault(path.encode(), {})[route.place.method] = route
        # If several match, the one with the longest fixed beginning is meant.
        ordered = sorted(found, key=lambda path: (-path.index("{"), ":path}" in path, path))
        self._expressions = [(_expression(path), found[path]) for path in ordered]
        self._below = sorted(below.items(), key=lambda each: -len(each[0]))

    def find(self, path: bytes) -> tuple[Methods, Match] | None:
        """Return what serves a raw path, by method, and where ``parameters`` finds those in it.

        None if nothing does.
        """
        methods = self.fixed.get(path)
        if methods is not None:
            return methods, None
        for expression, methods in self._expressions:
            if match := expression.fullmatch(path):
                return methods, match
        if b"%" in path and (methods := self.fixed.get(unquote_to_bytes(path))) is not None:
            return methods, None
        return None

    def tell(self, path: bytes) -> Tell | None:
        """Return what makes the bodies of errors at a raw path, whatever is wrong there."""
        methods, _ = self.find(path) or ({}, None)
        if not methods:
            owners = (r for prefix, r in self._below if (path + b"/").startswith(prefix))
            return next((route.tell() for route in owners), None)
        return next(iter(methods.values())).tell()

    def meant(self, path: bytes) -> str:
        """Return the shortest fixed path that ends with another one, or an empty text.

        Clients of OpenAI often leave out the ``/v1`` of their base URL.
        """
        if path.strip(b"/") == b"":
            return ""
        return min((p.decode() for p in self.fixed if p.endswith(path)), key=len, default="")


_NO_PARAMETERS: Mapping[str, str] = {}
_REST = "_path"


def _place(served: Endpoint | LazyEndpoint) -> LazyEndpoint:
    return served if isinstance(served, LazyEndpoint) else lazy_endpoint(served)


def _served(path: str) -> Iterable[str]:
    if not path.startswith("/") or "//" in path:
        raise PluginError(f"{path!r} is not a path that can be served.")
    yield path
    for prefix, alias in _ALIASES:
        if path.startswith(prefix):
            yield alias + path.removeprefix(prefix)


def _expression(path: str) -> re.Pattern[bytes]:
    pattern, end = "", 0
    for place in _PLACE.finditer(path):
        pattern += re.escape(path[end : place.start()])
        pattern += f"(?P<{place[1]}{_REST}>.*)" if place[2] else f"(?P<{place[1]}>[^/]+)"
        end = place.end()
    rest = path[end:]
    if "{" in rest or "}" in rest:
        raise PluginError(f"{path!r} holds a brace that is not part of {{name}} or {{name:path}}.")
    return re.compile((pattern + re.escape(rest)).encode(), re.DOTALL)


def parameters(match: Match) -> Mapping[str, str]:
    """Return the parameters in a path; InvalidValue or UnsafePath if they are not fit to be."""
    if match is None:
        return _NO_PARAMETERS
    found = {}
    for name, raw in match.groupdict().items():
        try:
            value = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise InvalidValue("The path is not valid UTF-8.") from None
        if name.endswith(_REST):
            name, value = name.removesuffix(_REST), paths.safe_relative(value)
        found[name] = value
    return found
