"""Long bodies, read from the connection without the parser and its copies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pegboard_server.protocol import Protocol

ROOM = 1 << 19
"""How many bytes of a body may be here that the application has not taken."""
LONG = 1 << 18
"""How many bytes must be missing for this to be worth the memory."""


class LongBody(asyncio.BufferedProtocol):
    """Takes the place of a connection's protocol until the body of its request has arrived.

    The application gets whatever is in the room when it asks for more; then the room is empty.
    """

    def __init__(self, owner: Protocol, left: int) -> None:
        """Read ``left`` bytes for the request that ``owner`` is in."""
        self._owner = owner
        self._cycle = owner.cycle
        self._left = left
        begun = self._cycle.body
        self._filled = len(begun)
        self._room = memoryview(bytearray(max(ROOM, 2 * self._filled)))
        self._room[: self._filled] = begun
        self._show()

    def _show(self) -> None:
        # Of this uvicorn makes the bytes that it hands to the application.
        self._cycle.body = cast("bytearray", self._room[: self._filled])

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (more is better)
        """Return room for what comes next, at most to the end of the body."""
        if not self._cycle.body or self._cycle.response_complete:
            self._filled = 0
        return self._room[self._filled : self._filled + self._left]

    def buffer_updated(self, nbytes: int) -> None:
        """Let the application know what arrived."""
        self._left -= nbytes
        if not self._cycle.response_complete:
            # Nobody wants the rest of a request that was answered.
            self._filled += nbytes
            self._show()
            if self._filled == len(self._room):
                self._owner.flow.pause_reading()
            self._cycle.message_event.set()
        if not self._left:
            # uvloop remembers this protocol for as long as the connection is open.
            self._room = memoryview(bytearray())
            self._owner.end_long_body()

    def eof_received(self) -> None:
        """Do as before."""
        self._owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Do as before."""
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Do as before."""
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        """Do as before."""
        self._owner.resume_writing()
