"""The endpoints that plugins declare, gathered for a server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pegboard import plugin_calls
from pegboard.errors import PluginError
from pegboard.hookspecs import FAIL, Finding

from pegboard_wire.http import Endpoint
from pegboard_wire.rooms import Place, places_of

if TYPE_CHECKING:
    import pluggy
    from pegboard.host import Host


def places(host: Host) -> Sequence[Place]:
    """Return where plugins serve something; PluginError if two share a place.

    A plugin that fails to declare its own serves nothing, and why is in the log. What answers is
    imported when a place is first asked for its endpoint.
    """
    return _gathered(host, _of)


def declared(host: Host) -> Sequence[Endpoint]:
    """Return all endpoints that plugins declare, imported; as ``places`` does."""
    return [place.load() for place in _gathered(host, _loaded_of)]


def _gathered(host: Host, gather: Callable[[pluggy.HookImpl], Sequence[Place]]) -> Sequence[Place]:
    found: dict[tuple[str, str], tuple[str, Place]] = {}
    for implementation in _implementations(host):
        name = implementation.plugin_name
        try:
            own = gather(implementation)
        except BaseException as error:
            if plugin_calls.is_fatal(error):
                raise
            said = host.plugins[name].error = plugin_calls.described(error)
            logging.getLogger("pegboard").warning("The plugin %r serves nothing: %s", name, said)
            continue
        for place in own:
            key = (place.method, place.path)
            if key in found:
                raise plugin_calls.claimed(f"{' '.join(key)} is served", [found[key][0], name])
            found[key] = (name, place)
    return [place for _, place in found.values()]


def find(host: Host, method: str, path: str) -> Endpoint | None:
    """Return the endpoint that plugins serve a place with; None if they do not."""
    for place in places(host):
        if (place.method, place.path) == (method, path):
            return place.load()
    return None


def findings(host: Host) -> Iterator[Finding]:
    """Yield what keeps plugins from being served, for ``pegboard doctor``."""
    known: dict[tuple[str, str], str] = {}
    for implementation in _implementations(host):
        name = implementation.plugin_name
        try:
            for place in _loaded_of(implementation):
                key = (place.method, place.path)
                if (other := known.setdefault(key, name)) != name:
                    yield _conflict(f"{' '.join(key)} is served", other, name)
        except BaseException as error:
            if plugin_calls.is_fatal(error):
                raise
            said = f"pegboard_endpoints failed: {plugin_calls.described(error)}"
            advice = f"Update it, or name {name!r} in [pegboard] disabled, in pegboard.toml."
            yield Finding(f"plugin {name}", FAIL, said, advice)


def _conflict(what: str, *plugins: str) -> Finding:
    error: PluginError = plugin_calls.claimed(what, plugins)
    return Finding("plugins", FAIL, error.message, error.hint)


def _implementations(host: Host) -> Sequence[pluggy.HookImpl]:
    """Return who implements the hook, in the order of the plugins' names in the host."""
    found = host.manager.hook.pegboard_endpoints.get_hookimpls()
    order = list(host.plugins)
    return sorted(found, key=lambda each: order.index(each.plugin_name))


def _of(implementation: pluggy.HookImpl) -> list[Place]:
    """Return the places that one plugin declares; TypeError if they are something else."""
    items = plugin_calls.asked(implementation, {})
    listed = plugin_calls.sequence("pegboard_endpoints", items)
    return places_of(listed)


def _loaded_of(implementation: pluggy.HookImpl) -> list[Place]:
    """Return the same; what answers is imported."""
    found = _of(implementation)
    for place in found:
        place.load()
    return found
