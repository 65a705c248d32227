"""Forks wait until no other thread is within SQLite.

SQLite guards its memory and its files by locks of the process. A child that is forked while another
thread holds one inherits it held, without a thread to release it, and waits for ever.
"""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType

PATIENCE_SECONDS = 5.0
"""How long a fork waits at the most: a thread that waits for the one that forks would never end."""


class _Gate:
    """Who is within SQLite, and who wants to fork."""

    def __init__(self) -> None:
        self.forks = 0
        """How many forks lie between the first process and this one."""
        self.reset()

    def reset(self, inside: dict[int, int] | None = None) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside = inside or {}
        self._forking = 0

    def enter(self) -> int:
        me = threading.get_ident()
        with self._changed:
            depth = self._inside.get(me, 0)
            while self._forking and not depth and self._forking != me:
                self._changed.wait()
            self._inside[me] = depth + 1
        return me

    def leave(self, me: int) -> None:
        with self._changed:
            depth = self._inside.get(me, 0)
            if depth > 1:
                self._inside[me] = depth - 1
            else:
                # A child process has the entries of its own thread alone.
                self._inside.pop(me, None)
            if self._forking:
                self._changed.notify_all()

    # -- the hooks of a fork --------------------------------------------------------------------

    def before(self) -> None:
        me, deadline = threading.get_ident(), time.monotonic() + PATIENCE_SECONDS
        with self._changed:
            while self._forking:
                self._changed.wait()
            self._forking = me
            while any(other != me for other in self._inside):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)

    def in_parent(self) -> None:
        with self._changed:
            self._forking = 0
            self._changed.notify_all()

    def in_child(self) -> None:
        me = threading.get_ident()
        depth = self._inside.get(me, 0)
        self.forks += 1
        self.reset({me: depth} if depth else None)


_gate = _Gate()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_gate.before, after_in_parent=_gate.in_parent, after_in_child=_gate.in_child
    )


def generation() -> int:
    """Return what differs in a child process; unlike its id that costs no system call."""
    return _gate.forks


class WithinSqlite:
    """While it is entered, no other thread forks the process; it may be entered within another."""

    __slots__ = ("_thread",)

    def __enter__(self) -> None:
        self._thread = _gate.enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _gate.leave(self._thread)
