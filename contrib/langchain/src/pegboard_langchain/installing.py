"""Giving every run of LangChain the callback that traces it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pegboard_models.autologging import Call

from pegboard_langchain.tracing import INTEGRATION, Tracer, unattached

__all__ = ["INTEGRATION", "install"]


def install() -> None:
    """Observe the making of callback managers, and what needs care besides."""
    from langchain_core.callbacks import BaseCallbackManager
    from langchain_core.runnables import RunnableSequence

    INTEGRATION.observe_method(BaseCallbackManager, "__init__", a_manager)
    INTEGRATION.observe_method(BaseCallbackManager, "merge", a_merger)
    INTEGRATION.observe_method(RunnableSequence, "batch", a_batch)


def a_manager(call: Call) -> Generator[None, Any, None]:
    """Add the tracer to a manager that has not inherited it."""
    manager = call.args[0]
    yield
    # LangGraph has managers for interruptions, which take no other handlers than its own.
    if type(manager).__module__ == "langgraph.callbacks":
        return
    if not any(isinstance(each, Tracer) for each in manager.inheritable_handlers):
        inline = bool(INTEGRATION.switches.options.get("run_inline"))
        manager.add_handler(Tracer(inline=inline), inherit=True)


def a_merger(call: Call) -> Generator[None, Any, None]:
    """Leave one tracer in what two managers are merged into: the one that was there first."""
    managers = (call.args[0], *call.args[1:], *call.kwargs.values())
    known = [
        each
        for manager in managers
        for each in manager.inheritable_handlers
        if isinstance(each, Tracer)
    ]
    merged = yield
    if known:
        for each in list(merged.inheritable_handlers):
            if isinstance(each, Tracer) and each is not known[0]:
                merged.remove_handler(each)


def a_batch(call: Call) -> Generator[None, Any, None]:
    """Activate no span meanwhile: a sequence runs one step for all inputs before the next."""
    del call
    token = unattached.set(True)
    try:
        yield
    finally:
        unattached.reset(token)
