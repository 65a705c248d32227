"""Coroutines that end when their client has gone."""

from __future__ import annotations

import asyncio
from types import TracebackType

from pegboard_wire.http import Endpoint

from pegboard_server.asgi import Scope
from pegboard_server.exchange import GONE
from pegboard_server.failures import ClientGone


class leaving:  # noqa: N801 (used as a statement)
    """Have the task within the block cancelled when the client goes away; then ClientGone.

    Only for an endpoint that ``leaves``; nothing is done for others.
    """

    __slots__ = ("_gone", "_task", "_tell")

    def __init__(self, scope: Scope, endpoint: Endpoint | None) -> None:
        self._tell = scope.get(GONE) if endpoint is not None and endpoint.leaves else None
        self._task: asyncio.Task[object] | None = None
        self._gone = False

    def __enter__(self) -> None:
        """Begin to listen for the client's end."""
        if self._tell is not None:
            self._task = asyncio.current_task()
            self._tell(self._leave)

    def _leave(self) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Listen no more."""
        if self._tell is None:
            return
        self._tell(None)
        if self._gone and self._task is not None and isinstance(error, asyncio.CancelledError):
            self._task.uncancel()
            raise ClientGone from None
