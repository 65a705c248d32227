"""Signals, while a project is begun and waited for: the wish to cancel it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, cast

from attrs import define, field

if TYPE_CHECKING:
    from pegboard_projects.running import SubmittedRun

_CANCELLING = ("SIGINT", "SIGTERM", "SIGHUP")
_LOOK_SECONDS = 0.5
"""A signal that comes just before a wait begins does not wake it: Python runs its handler after."""


class Cancellable(Protocol):
    """What can be cancelled: a run, or a scheduler of many."""

    def cancel(self) -> None:
        """Ask it to end; return at once. Handlers of signals call it."""


@define
class Cancelling:
    """What is to be cancelled, and the signals that came."""

    caught: list[int] = field(factory=list)
    _held: bool = False
    _target: Cancellable | None = None

    def hold(self) -> None:
        """Break off nothing any more, as a run is about to be created, which has to end."""
        self._held = True

    def aim(self, target: Cancellable) -> None:
        """Cancel this from now on, and if a signal has come already."""
        self._target = target
        if self.caught:
            target.cancel()

    def wait(self) -> int | None:
        """Wait for the end of a run; return the signal that asked for it before, if one did."""
        submitted = cast("SubmittedRun", self._target)
        while submitted.outcome is None:
            try:
                submitted.wait(_LOOK_SECONDS)
            except KeyboardInterrupt:
                # Of a handler that is not ours, in another thread's stead.
                submitted.cancel()
                self.caught.append(signal.SIGINT)
        return self.caught[0] if self.caught else None

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.caught.append(number)
        if self._target is not None:
            self._target.cancel()
        elif not self._held:
            raise KeyboardInterrupt


@contextmanager
def by_signals() -> Iterator[Cancelling]:
    """Take signals for the wish to cancel; give them back to whom they belong, afterwards."""
    found = Cancelling()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    numbers = [getattr(signal, name) for name in _CANCELLING if hasattr(signal, name)]
    before: dict[int, Any] = {number: signal.signal(number, found._handle) for number in numbers}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
