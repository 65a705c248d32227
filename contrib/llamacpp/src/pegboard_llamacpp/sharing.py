"""Models that several providers of this process share, and what becomes of them at its end.

A model is loaded on first use, once for all that want it with the same settings, and leaves memory
with the last of them.
"""

from __future__ import annotations

import atexit
import os
import threading

from pegboard.contracts.llm import LLMError, Trouble

from pegboard_llamacpp.engine import Engine, Load


class Shared:
    """A model that is wanted, and in memory from the first time that it is used."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.users = 0
        self.lock = threading.Lock()
        self.loaded: Engine | None = None

    def engine(self) -> Engine:
        """Return the model, loaded if it is not; LLMError NO_MODEL if it cannot be.

        LLMError CUT when the interpreter ends.
        """
        with self.lock:
            if _ending:
                raise LLMError(Trouble.CUT, "This process ends, so no model answers any more.")
            if self.loaded is None:
                self.loaded = Engine(self.load)
            return self.loaded

    def free(self) -> None:
        """Stop what runs and free the memory; it is loaded again when it is used again."""
        with self.lock:
            loaded, self.loaded = self.loaded, None
        if loaded is not None:
            loaded.close()


_lock = threading.Lock()
_models: dict[Load, Shared] = {}
_ending = False
"""Whether the interpreter ends: threads that it takes away amid a call of llama.cpp would abort."""


def borrow(load: Load) -> Shared:
    """Return the model that is shared by all that load the same; nothing is loaded yet."""
    with _lock:
        shared = _models.setdefault(load, Shared(load))
        shared.users += 1
        return shared


def give_back(shared: Shared) -> None:
    """Say that one of those who borrowed a model needs it no more."""
    with _lock:
        shared.users -= 1
        if shared.users:
            return
        del _models[shared.load]
    shared.free()


def free_all() -> None:
    """Stop and free all models for ever, before the interpreter takes their threads away."""
    global _ending
    _ending = True
    with _lock:
        models = list(_models.values())
    for shared in models:
        shared.free()


def _before_fork() -> None:
    """Free the models that do nothing now, and hold the lock.

    llama.cpp has threads, which a child does not get: it could neither use a model nor exit. What
    answers now is left to the parent, so such a child must end as those of multiprocessing do.
    """
    _lock.acquire()
    for shared in _models.values():
        if shared.lock.acquire(blocking=False):
            if shared.loaded is not None and not shared.loaded.busy:
                shared.loaded.close()
                shared.loaded = None
            shared.lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    for shared in _models.values():
        shared.lock = threading.Lock()
        if shared.loaded is not None:
            shared.loaded.abandon()
            shared.loaded = None


atexit.register(free_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _lock.release(),
        after_in_child=_after_fork_in_child,
    )
