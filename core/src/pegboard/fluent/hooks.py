"""Calling plugins about a run, so that a broken plugin never breaks the user's run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard.host import Host

_warned: set[tuple[str, str]] = set()


def call(host: Host, hook: str, **arguments: Any) -> list[Any]:
    """Return what each plugin answers, in the order they were registered.

    A plugin that raises is left out, with one warning in the log.
    """
    answers = []
    for implementation in getattr(host.manager.hook, hook).get_hookimpls():
        given = [arguments[name] for name in implementation.argnames]
        try:
            answers.append(implementation.function(*given))
        except Exception as error:
            # Whatever it is, the run goes on.
            _warn(implementation.plugin_name, hook, error)
    return answers


def _warn(plugin: str, hook: str, error: Exception) -> None:
    if (plugin, hook) in _warned:
        return
    _warned.add((plugin, hook))
    # Not by the warnings module: with -W error it would raise.
    import logging

    logging.getLogger("pegboard").warning(
        "The plugin %r failed in %s: %s: %s", plugin, hook, type(error).__name__, error
    )
