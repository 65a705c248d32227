"""Work in other threads that belongs to the trace of who ordered it."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def in_context(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that runs as if it were called here, whichever thread calls it.

    Its spans are within the span that is active now.
    """
    context = copy_context()

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # A copy: several threads may run it at once.
        return context.copy().run(function, *args, **kwargs)

    return run


class ThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """A pool of threads whose work belongs to the trace that it was submitted in."""

    def submit(
        self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> concurrent.futures.Future[R]:
        """Submit work, which runs in the context of the caller."""
        return super().submit(in_context(fn), *args, **kwargs)
