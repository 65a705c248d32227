"""Signs of life for a server of ours: which runs this process keeps alive."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pegboard.errors import PegboardError
from pegboard_wire.client.errors import Unreachable

if TYPE_CHECKING:
    from pegboard_wire.client.connection import Connection

PATH = "/api/pegboard/1.0/runs/heartbeat"
TICK_SECONDS = 1.0
"""How often it is looked whether a sign of life is due."""

_AT_ONCE = 500
_NEXT_TRY_SECONDS = 10.0


class Heartbeats:
    """Tells a server which runs a writer keeps alive; one that does not support that gets nothing.

    It never waits for an answer: a sign of life that fails is followed by the next one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.reset()

    def reset(self) -> None:
        """Start without runs: in a child process, those of the parent are not ours."""
        self._told: set[str] = set()
        self._untold: set[str] = set()
        self._was_heard = False
        self._due = 0.0
        self._pause = _NEXT_TRY_SECONDS

    def beat(self, writer: str) -> None:
        """Give a sign of life for all runs, if one is due."""
        if (self._told or self._untold) and time.monotonic() >= self._due:
            self._tell(writer)

    def attach(self, writer: str, run_id: str) -> None:
        """Let a run live and die with a writer."""
        self._untold.add(run_id)
        self._tell(writer)

    def detach(self, writer: str, run_id: str) -> None:
        """Undo ``attach``."""
        self._untold.discard(run_id)
        if run_id in self._told:
            self._told.discard(run_id)
            self._send(writer, ended=[run_id])

    def ended(self, run_id: str) -> None:
        """Note that the server knows of the end of a run, so nothing more has to be sent."""
        self._untold.discard(run_id)
        self._told.discard(run_id)

    def leave(self, writer: str) -> None:
        """Let the server forget a writer that ends in order."""
        if self._was_heard:
            self._send(writer, leaves=True)

    def _tell(self, writer: str) -> None:
        new = list(self._untold)[:_AT_ONCE]
        if self._send(writer, run_ids=new):
            # Some may have ended meanwhile.
            heard = self._untold.intersection(new)
            self._untold -= heard
            self._told |= heard

    def _send(self, writer: str, **fields: Any) -> bool:
        """Send a sign of life; return whether it was heard."""
        try:
            seconds = self._connection.abilities().heartbeat_seconds
            if seconds is None:
                self._due = float("inf")
                return False
            self._pause = min(seconds, _NEXT_TRY_SECONDS)
            self._due = time.monotonic() + seconds
            self._connection.call("POST", PATH, {"writer": writer, **fields}, patient=False)
        except Unreachable:
            self._due = time.monotonic() + self._pause
            return False
        except PegboardError:
            # The server has other reasons not to listen, which will not pass.
            self._due = float("inf")
            return False
        self._was_heard = True
        return True
