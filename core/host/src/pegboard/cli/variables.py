"""Environment variables of ours that nothing reads: misspelt ones, mostly."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pegboard import call_times, config, plugin_calls, settings

if TYPE_CHECKING:
    from pegboard.host import Host

PREFIX = "PEGBOARD_"
_OURS = ("PEGBOARD_COMPLETE", "PEGBOARD_CONFIG", "PEGBOARD_DEBUG", call_times.VARIABLE)


def unread(host: Host, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with each variable that nothing reads, and what to do about it."""
    given = sorted(name for name in environ if name.startswith(PREFIX) and environ[name])
    if not given:
        return
    known = _known(host)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.9)
            advice = f"Did you mean {near[0]}?" if near else ""
            yield f"{name} is set, but nothing that is installed reads it", advice


def _known(host: Host) -> set[str]:
    """Return the variables that are read."""
    found = {*_OURS, *config.ENVIRONMENT}
    for plugin in host.plugins.values():
        # Those of plugins that are left out are no mistakes.
        if not plugin.error and not plugin.disabled:
            kind = host.settings_class(plugin.name)
            found |= {settings.variable(PREFIX + plugin.name, key) for key in settings.keys(kind)}
    for implementation in host.manager.hook.pegboard_variables.get_hookimpls():
        found.update(plugin_calls.asked(implementation, {}))
    return found
