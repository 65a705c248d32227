"""Acting on modules as they are imported, or at once on those that are already.

A finder that stands before Python's own looks at each import whose name someone waits for. It
leaves the finding and loading to the others, and acts when the module has been run.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from attrs import define, field

Action = Callable[[ModuleType], None]


@define(eq=False)
class Wait:
    """Someone who waits for a module, and with ``below``, for those below it too."""

    name: str
    action: Action
    below: bool = False

    def is_for(self, module: str) -> bool:
        """Whether a module is one of those waited for."""
        return module == self.name or (self.below and module.startswith(f"{self.name}."))


@define(eq=False)
class _Finder:
    waits: tuple[Wait, ...] = ()
    _lock: threading.RLock = field(factory=threading.RLock)
    _looking: threading.local = field(factory=threading.local)

    def add(self, wait: Wait) -> None:
        with self._lock:
            self.waits = (*self.waits, wait)
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)

    def remove(self, wait: Wait) -> None:
        with self._lock:
            self.waits = tuple(other for other in self.waits if other is not wait)
            if not self.waits and self in sys.meta_path:
                sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that another finder has, its loader made to tell us when it is done."""
        del path, target
        if not any(wait.is_for(name) for wait in self.waits):
            return None
        inside = getattr(self._looking, "names", ())
        if name in inside:
            return None
        self._looking.names = (*inside, name)
        try:
            # find_spec asks all finders, this one too, which then looks away.
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        finally:
            self._looking.names = inside
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return None
        self._tell_when_run(spec.loader)
        return spec

    def _tell_when_run(self, loader: Any) -> None:
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            with suppress(AttributeError):
                del loader.exec_module
            run(module)
            self.act(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            # A loader that takes no attributes: its modules are not seen.
            return

    def act(self, module: ModuleType) -> None:
        for wait in self.waits:
            if wait.is_for(module.__name__):
                wait.action(module)


_finder = _Finder()


def when_imported(name: str, action: Action, *, below: bool = False) -> Wait:
    """Call ``action`` with a module once it is imported, at once if it is; it must not raise.

    With ``below``, with each module below it too. ``forget`` ends the wait.
    """
    wait = Wait(name, action, below)
    _finder.add(wait)
    for module_name, module in list(sys.modules.items()):
        if module is not None and wait.is_for(module_name):
            action(module)
    return wait


def forget(wait: Wait) -> None:
    """Wait no longer."""
    _finder.remove(wait)
