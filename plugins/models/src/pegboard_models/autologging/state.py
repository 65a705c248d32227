"""What the current thread is doing: which trainings it is in, and whether autologging rests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, frozen


@define(eq=False)
class Session:
    """A training in progress. ``logs``: whether it is logged, and not only the one around it."""

    subject: Any
    allows_children: bool
    logs: bool
    model_id: str | None = None
    """The logged model that is being made, of which the metrics are."""


class _Here(threading.local):
    def __init__(self) -> None:
        self.sessions: tuple[Session, ...] = ()
        self.paused = False
        self.configuring_all = False


here = _Here()


def current() -> Session | None:
    """Return the innermost training that this thread is in."""
    return here.sessions[-1] if here.sessions else None


def would_log(subject: Any) -> bool:
    """Whether a training that begins now is to be logged.

    It is if it is in none, or in one that is logged and lets those in it be so too; but not in one
    of the same object.
    """
    if here.paused:
        return False
    inside = current()
    if inside is None:
        return True
    return inside.allows_children and not any(
        session.subject is subject for session in here.sessions
    )


@contextmanager
def session(subject: Any, *, allows_children: bool = False) -> Iterator[Session]:
    """Be in a training, of an estimator or by a function."""
    around = here.sessions
    logs = would_log(subject)
    inherits = all(session.allows_children for session in around)
    entered = Session(subject, allows_children and inherits, logs)
    here.sessions = (*around, entered)
    try:
        yield entered
    finally:
        here.sessions = around


@contextmanager
def paused() -> Iterator[None]:
    """Log nothing that this thread does meanwhile."""
    before, here.paused = here.paused, True
    try:
        yield
    finally:
        here.paused = before


@frozen(eq=False)
class Carried:
    """A function that another thread calls on behalf of this one, in the same trainings."""

    function: Callable[..., Any]
    sessions: tuple[Session, ...]
    paused: bool

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        before = here.sessions, here.paused
        here.sessions, here.paused = self.sessions, self.paused
        try:
            return self.function(*args, **kwargs)
        finally:
            here.sessions, here.paused = before


def carrier() -> Callable[[Callable[..., Any]], Carried]:
    """Return what makes functions for other threads, so that what they train counts as nested."""
    sessions, is_paused = here.sessions, here.paused
    return lambda function: Carried(function, sessions, is_paused)
