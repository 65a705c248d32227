"""The endpoints that plugins declare, gathered for a server."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pegboard import plugin_calls
from pegboard.errors import PluginError
from pegboard.hookspecs import FAIL, Finding

from pegboard_wire.http import Endpoint

if TYPE_CHECKING:
    import pluggy
    from pegboard.host import Host


def declared(host: Host) -> Sequence[Endpoint]:
    """Return the endpoints that plugins declare; PluginError if two share a place.

    A plugin that fails to declare its own serves nothing, and why is in the log.
    """
    found: dict[tuple[str, str], tuple[str, Endpoint]] = {}
    for implementation in _implementations(host):
        name = implementation.plugin_name
        try:
            endpoints = _of(implementation)
        except BaseException as error:
            if plugin_calls.is_fatal(error):
                raise
            said = host.plugins[name].error = plugin_calls.described(error)
            logging.getLogger("pegboard").warning("The plugin %r serves nothing: %s", name, said)
            continue
        for endpoint in endpoints:
            place = (endpoint.method, endpoint.path)
            if place in found:
                raise plugin_calls.claimed(f"{' '.join(place)} is served", [found[place][0], name])
            found[place] = (name, endpoint)
    return [endpoint for _, endpoint in found.values()]


def findings(host: Host) -> Iterator[Finding]:
    """Yield what keeps plugins from being served, for ``pegboard doctor``."""
    places: dict[tuple[str, str], str] = {}
    for implementation in _implementations(host):
        name = implementation.plugin_name
        try:
            for endpoint in _of(implementation):
                place = (endpoint.method, endpoint.path)
                if (other := places.setdefault(place, name)) != name:
                    yield _conflict(f"{' '.join(place)} is served", other, name)
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


def _of(implementation: pluggy.HookImpl) -> list[Endpoint]:
    """Return the endpoints that one plugin declares; TypeError if they are something else."""
    items = plugin_calls.asked(implementation, {})
    listed = plugin_calls.sequence("pegboard_endpoints", items)
    return [plugin_calls.checked(item, Endpoint) for item in listed]
