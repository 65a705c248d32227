"""Streams that are used in a ``with`` block: its beginning sends the request, its end closes them.

What ``messages.stream`` returns is only a promise, so its span is kept here until then.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary, finalize

from pegboard_models.autologging import Call, Integration
from pegboard_tracing import calls

_Failed: TypeAlias = Callable[[BaseException], None]

_promised: WeakKeyDictionary[Any, tuple[calls.Collected, _Failed, finalize[Any, Any]]]
_promised = WeakKeyDictionary()


def install(integration: Integration) -> None:
    """Observe both ends of the blocks."""
    from anthropic import lib

    for name, prefix in (("MessageStreamManager", ""), ("AsyncMessageStreamManager", "a")):
        kind = getattr(lib.streaming, name)
        integration.observe_method(kind, f"__{prefix}enter__", a_beginning)
        integration.observe_method(kind, f"__{prefix}exit__", an_end)


def expect(manager: Any, sink: calls.Collected, failed: _Failed) -> None:
    """Remember what looks at the stream; a promise that nobody keeps ends the span with nothing."""
    _promised[manager] = (sink, failed, finalize(manager, sink.finish))


def a_beginning(call: Call) -> Generator[None, Any, None]:
    """Look at the stream from now on."""
    found = _promised.get(call.args[0])
    if found is None:
        return
    sink, failed, forgotten = found
    forgotten.detach()
    try:
        stream = yield
    except BaseException as error:
        failed(error)
        raise
    calls.tap(stream._raw_stream, sink)


def an_end(call: Call) -> Generator[None, Any, None]:
    """End the span, if the stream was left before its end."""
    found = _promised.pop(call.args[0], None)
    try:
        yield
    finally:
        if found is not None:
            found[0].finish()
