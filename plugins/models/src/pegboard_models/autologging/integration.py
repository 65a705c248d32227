"""An autologger: its switches, what it has patched, and its warnings."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from types import ModuleType, TracebackType

from attrs import define, field, frozen

from pegboard_models.autologging import imports
from pegboard_models.autologging.patching import Observer, Patches
from pegboard_models.autologging.state import here
from pegboard_models.autologging.switches import Switches

logger = logging.getLogger("pegboard")

chosen: set[str] = set()
"""The autologgers that were configured one by one: the function for all leaves them as they are."""


@define(eq=False)
class Integration:
    """The autologger of one library. Safe to use from any thread.

    ``tested`` are the oldest and the newest version of ``distribution`` that it was tested with.
    """

    name: str
    distribution: str
    tested: tuple[str, str]
    subject: str = "Training"
    """What goes on if logging it fails."""
    switches: Switches = field(factory=partial(Switches, disable=True))
    patches: Patches = field(factory=Patches)
    _lock: threading.RLock = field(factory=threading.RLock)
    _waits: list[imports.Wait] = field(factory=list)
    _warned: set[tuple[str, type[Exception]]] = field(factory=set)

    def enable(self, switches: Switches, install: Callable[[], None]) -> None:
        """Work as ``switches`` say from now on; ``install`` puts the patches in place."""
        with self._lock:
            (chosen.discard if here.configuring_all else chosen.add)(self.name)
            self._undo()
            self._warned.clear()
            self.switches = switches
            if switches.disable or not self._is_version_fit():
                self.switches = Switches(disable=True)
                return
            try:
                install()
            except Exception as error:
                # The user's training goes on, without being logged.
                self.warn("putting it to work", error)
                self._undo()
                self.switches = Switches(disable=True)

    def is_on(self) -> bool:
        """Whether what this thread does is to be logged."""
        return not (self.switches.disable or here.paused)

    def watch_imports(self, name: str, action: imports.Action, *, below: bool = False) -> None:
        """Call ``action`` with a module once it is imported; with ``below``, those below it too."""

        def guarded(module: ModuleType) -> None:
            with self.guard("an import"):
                action(module)

        self._waits.append(imports.when_imported(name, guarded, below=below))

    def _undo(self) -> None:
        while self._waits:
            imports.forget(self._waits.pop())
        self.patches.undo()

    def observe_method(self, owner: type, name: str, observer: Observer) -> None:
        """Observe a method that a class defines or inherits."""
        self.patches.observe_method(self, owner, name, observer)

    def observe_function(self, module: object, name: str, observer: Observer) -> None:
        """Observe a function of a module."""
        self.patches.observe_function(self, module, name, observer)

    def guard(self, doing: str) -> Guard:
        """Return a context that makes one warning of whatever goes wrong inside."""
        return Guard(self, doing)

    def warn(self, doing: str, error: Exception) -> None:
        """Tell the user of a fault: once for each kind of fault, until switched on anew."""
        kind = (doing, type(error))
        if self.switches.silent or kind in self._warned:
            return
        self._warned.add(kind)
        # Not by the warnings module: with -W error it would raise.
        logger.warning(
            "Autologging of %s failed in %s: %s: %s. %s goes on; this is not repeated.",
            self.name,
            doing,
            type(error).__name__,
            error,
            self.subject,
        )

    def tell(self, message: str, *args: object) -> None:
        """Show information that is not a fault."""
        if not self.switches.silent:
            logger.info(message, *args)

    def _is_version_fit(self) -> bool:
        installed = version(self.distribution)
        oldest, newest = self.tested
        if _release(installed) >= _release(oldest) and (
            _release(installed) <= _release(newest)
            or not self.switches.disable_for_unsupported_versions
        ):
            return True
        disabled = self.switches.disable_for_unsupported_versions
        if not self.switches.silent:
            logger.warning(
                "Autologging of %s was tested with the versions %s to %s of %s; %s is installed%s.",
                self.name,
                oldest,
                newest,
                self.distribution,
                installed,
                ", so it is off" if disabled else "",
            )
        return not disabled


@frozen(eq=False)
class Guard:
    """A block whose failure is one warning; the user's training goes on."""

    integration: Integration
    doing: str

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.integration.warn(self.doing, error)
        return True


def _release(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version, which say what its interface is."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
