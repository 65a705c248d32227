"""Calling plugins about a run, so that a broken plugin never breaks the user's run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard import plugin_calls

from pegboard_scripting.fluent import lifetime

if TYPE_CHECKING:
    from pegboard.host import Host

SLOW_SECONDS = 1.0
"""A plugin that every start of a run waits for so long is named in the log."""

_CONTEXT = "pegboard_run_context"

_warned: set[tuple[str, str]] = set()


def call(host: Host, hook: str, **arguments: Any) -> list[Any]:
    """Return what each plugin answers, in the order they were registered.

    A plugin that raises is left out, with one warning in the log.
    """
    return _answers(host, hook, arguments, lambda answer: answer)


def run_context(host: Host) -> dict[str, str]:
    """Return the tags that plugins give to a new run; of two for one key, the later holds.

    A plugin that fails, or returns something else than tags, is left out, with one warning.
    """
    merged: dict[str, str] = {}
    for tags in _answers(host, _CONTEXT, {}, plugin_calls.context_of):
        merged.update(tags)
    return merged


def _answers(
    host: Host, hook: str, arguments: dict[str, Any], checked: Callable[[Any], Any]
) -> list[Any]:
    answers = []
    for implementation in getattr(host.manager.hook, hook).get_hookimpls():
        began = time.perf_counter()
        try:
            answers.append(checked(plugin_calls.asked(implementation, arguments)))
        except BaseException as error:
            # Whatever it is, the run goes on, unless it is the process that is asked to end.
            ends = isinstance(error, SystemExit) and lifetime.is_terminating()
            if ends or plugin_calls.is_fatal(error):
                raise
            _warn(implementation.plugin_name, hook, f"failed: {plugin_calls.described(error)}")
        taken = time.perf_counter() - began
        if hook == _CONTEXT and taken > SLOW_SECONDS:
            said = f"took {taken:.1f} s, which every start of a run waits for"
            _warn(implementation.plugin_name, hook, said)
    return answers


def _warn(plugin: str, hook: str, what: str) -> None:
    if (plugin, hook) in _warned:
        return
    _warned.add((plugin, hook))
    # Not by the warnings module: with -W error it would raise.
    import logging

    logging.getLogger("pegboard").warning("The plugin %r, asked for %s, %s", plugin, hook, what)
