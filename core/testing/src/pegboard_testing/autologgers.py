"""The contract of autologgers of calls, as tests: whatever befalls tracing, callers see nothing.

Values, errors and cancellation are those of the library by itself.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NoReturn

import pytest
from attrs import frozen
from pegboard import config, host

_STEPS = {
    "the beginning of a span": "pegboard_tracing.tracer.begin",
    "the class of spans": "pegboard_tracing.live.LiveSpan.__init__",
    "inputs": "pegboard_tracing.live.LiveSpan.set_inputs",
    "an attribute": "pegboard_tracing.live.LiveSpan.set_attribute",
    "attributes": "pegboard_tracing.live.LiveSpan.set_attributes",
    "outputs": "pegboard_tracing.live.LiveSpan.set_outputs",
    "the end of a span": "pegboard_tracing.live.LiveSpan.end",
    "what is kept": "pegboard_tracing.live.LiveSpan.line",
}
"""What a span goes through, and what of it is made to fail."""

_PATIENCE = 20.0
"""Seconds that a call may take while a server is down: far more than it needs, far less than it
would take to wait for the server."""


@frozen
class Autologged:
    """Calls of a library, and what has them traced."""

    autolog: Callable[..., Any]
    ask: Callable[[], Any]
    """Makes a call; returns what can be compared."""
    ask_later: Callable[[], Awaitable[Any]] | None = None
    """Makes one asynchronously, with the same result; None: the library has no such calls."""


class AutologgerContract:
    """What every autologger of calls does.

    Subclass it, with a name that begins with ``Test``, and give it the fixture ``autologged``. Each
    test has a store of its own, and what is observed is undone after it.
    """

    @pytest.fixture
    def autologged(self) -> Iterator[Autologged]:
        """Yield calls of the library, which need no network. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'autologged'.")

    @pytest.mark.parametrize("step", _STEPS)
    def test_a_fault_of_tracing_changes_no_value(
        self, autologged: Autologged, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = autologged.ask()

        def fail(*_: Any, **__: Any) -> NoReturn:
            raise RuntimeError("a fault of tracing")

        autologged.autolog()
        with monkeypatch.context() as patched:
            patched.setattr(_STEPS[step], fail)
            assert autologged.ask() == expected
            if autologged.ask_later is not None:
                assert asyncio.run(_awaited(autologged.ask_later)) == expected
        # And nothing of it is left.
        assert _traced(autologged) == (expected, 1)

    def test_a_forked_child_has_the_same_value(self, autologged: Autologged) -> None:
        autologged.autolog()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, repr(autologged.ask()).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            told = stream.read().decode()
        os.waitpid(child, 0)
        result, traces = _traced(autologged)
        assert (repr(result), traces) == (told, 1)

    def test_a_call_that_is_cancelled_is_cancelled(self, autologged: Autologged) -> None:
        if autologged.ask_later is None:
            return
        asked = autologged.ask_later
        autologged.autolog()

        async def cancelled() -> Any:
            import pegboard

            task = asyncio.ensure_future(_awaited(asked))
            # It has begun, and waits for an answer.
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert pegboard.get_current_active_span() is None
            return await asked()

        assert asyncio.run(cancelled()) == autologged.ask()

    def test_a_server_that_is_down_is_not_waited_for(self, autologged: Autologged) -> None:
        import pegboard

        expected = autologged.ask()
        # Nor at the end, where the rest would be sent.
        settings = {"journal_wait_seconds": 0.0, "sender": False}
        host.use(host.Host(config.Config(plugins={"tracking": settings})))
        with socket.socket() as taken:
            # Nobody listens there.
            taken.bind(("127.0.0.1", 0))
            pegboard.set_tracking_uri(f"http://127.0.0.1:{taken.getsockname()[1]}")
            autologged.autolog()
            begin = time.monotonic()
            assert autologged.ask() == expected
            if autologged.ask_later is not None:
                assert asyncio.run(_awaited(autologged.ask_later)) == expected
            assert time.monotonic() - begin < _PATIENCE


async def _awaited(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


def _count() -> int:
    """Return how many traces there are."""
    import pegboard

    return len(pegboard.search_traces(return_type="list"))


def _traced(autologged: Autologged) -> tuple[Any, int]:
    """Return the result of a call, and how many traces it made."""
    before = _count()
    result = autologged.ask()
    return result, _count() - before
