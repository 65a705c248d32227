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
def told(what: str, plugin: str) -> Iterator[None]:
    """Tell of one call into a plugin, once it is over; of nothing unless that is wanted."""
    if not _is_wanted():
        yield
        return
    began = time.perf_counter()
    try:
        yield
    except BaseException as error:
        _tell(what, [f"{plugin} ({type(error).__name__})"], time.perf_counter() - began)
        raise
    _tell(what, [plugin], time.perf_counter() - began)


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
