"""``PEGBOARD_TRACE_PLUGINS=1`` tells on stderr of each call of a hook: who answers, how long."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pluggy

VARIABLE = "PEGBOARD_TRACE_PLUGINS"


@contextmanager
def timed(what: str, plugin: str, taken: dict[str, float] | None = None) -> Iterator[None]:
    """Time one call into a plugin, and print it if the user wants that."""
    began, said = time.perf_counter(), plugin
    try:
        yield
    except BaseException as error:
        said = f"{plugin} ({type(error).__name__})"
        raise
    finally:
        seconds = time.perf_counter() - began
        if taken is not None:
            taken[what] = seconds
        if _is_wanted():
            _tell(what, [said], seconds)


def watch(manager: pluggy.PluginManager) -> None:
    """Tell of the hooks that a manager calls itself, if that is wanted."""
    if not _is_wanted():
        return
    begun: list[float] = []

    def before(*_: object) -> None:
        begun.append(time.perf_counter())

    def after(_: object, what: str, implementations: Iterable[Any], __: object) -> None:
        names = [each.plugin_name for each in implementations]
        _tell(what, names, time.perf_counter() - begun.pop())

    manager.add_hookcall_monitoring(before, after)


def _is_wanted() -> bool:
    return os.environ.get(VARIABLE) == "1"


def _tell(what: str, plugins: list[str], seconds: float) -> None:
    sys.stderr.write(f"{what}: {', '.join(plugins) or 'nobody'}, {seconds * 1000:.1f} ms\n")
