"""What is wrong with installed plugins, and with what they offer together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import frozen

import pegboard
from pegboard import builtin, plugin_calls
from pegboard.plugin_calls import described, is_fatal

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard.plugin_calls import Plugin

_CONTEXT = "pegboard_run_context"
_OURS = builtin.NAME


@frozen
class Review:
    """What was found out about the plugins of a host."""

    refused: Mapping[str, str]
    """By plugin: which of its answers cannot be used, and why."""
    conflicts: Mapping[tuple[str, str], list[str]]
    """By kind and name of what is claimed more than once: the plugins, ours among them."""

    def state(self, plugin: Plugin) -> str:
        """Return what became of a plugin: ok, slow, conflict, error or disabled."""
        if plugin.disabled:
            return "disabled"
        if plugin.error or plugin.name in self.refused:
            return "error"
        claims = any(plugin.name in names for names in self.conflicts.values())
        if claims and plugin.name != _OURS:
            return "conflict"
        return "slow" if plugin.slow else "ok"

    def faults(self, plugin: Plugin) -> list[str]:
        """Return what a plugin does wrong although it loads, or claims as another one does."""
        claims = [
            explained(kind, key, names)
            for (kind, key), names in self.conflicts.items()
            if plugin.name in names
        ]
        return [self.refused[plugin.name], *claims] if plugin.name in self.refused else claims


def review(host: Host) -> Review:
    """Find out what is wrong with the plugins of a host; what loading them showed is known."""
    return Review(_try_out(host), _conflicts(host))


def explained(kind: str, key: str, names: list[str]) -> str:
    """Say who claims the same thing."""
    plugins = " and ".join(repr(name) for name in names if name != _OURS)
    if _OURS in names:
        return f"The {kind} {key!r} of the plugin {plugins} is never reached: pegboard has its own."
    return f"The {kind} {key!r} is claimed by the plugins {plugins}: neither is used."


def _try_out(host: Host) -> dict[str, str]:
    """Ask each plugin for the tags of a run, as every run does; the time it takes is noted."""
    found = {}
    for implementation in host.manager.hook.pegboard_run_context.get_hookimpls():
        plugin = host.plugins[implementation.plugin_name]
        try:
            with plugin.timed(_CONTEXT):
                tags = implementation.function()
            plugin_calls.context_of(tags)
        except BaseException as error:
            if is_fatal(error):
                raise
            found[plugin.name] = f"{_CONTEXT} failed: {described(error)}"
    return found


def _conflicts(host: Host) -> dict[tuple[str, str], list[str]]:
    found = {what: list(names) for what, names in host.conflicts().items()}
    for plugin in host.plugins.values():
        for kind, key, _ in plugin.provides:
            if kind == "API name" and key in pegboard.__all__:
                names = found.setdefault((kind, key), [plugin.name])
                names += [] if _OURS in names else [_OURS]
    return found
