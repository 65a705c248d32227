"""Coroutines that end when their client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from pegboard_wire.http import Endpoint

from pegboard_server.asgi import Scope
from pegboard_server.exchange import GONE
from pegboard_server.failures import ClientGone


@contextmanager
def leaving(scope: Scope, endpoint: Endpoint | None) -> Iterator[None]:
    """Have the task within the block cancelled when the client goes away; then ClientGone.

    Only for an endpoint that ``leaves``; nothing is done for others.
    """
    tell = scope.get(GONE) if endpoint is not None and endpoint.leaves else None
    task = asyncio.current_task()
    if tell is None or task is None:
        yield
        return
    gone = False

    def leave() -> None:
        nonlocal gone
        gone = True
        task.cancel()

    tell(leave)
    try:
        yield
    except asyncio.CancelledError:
        if gone:
            task.uncancel()
            raise ClientGone from None
        raise
    finally:
        tell(None)
