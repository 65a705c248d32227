"""The sender's own process: ``python -m pegboard_tracking.client.sending``, started by ``sender``.

While clients live it only looks, and has loaded next to nothing. It ends a while after the last
client, or when what is left cannot be delivered.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.errors import StoreError

from pegboard_tracking.client import adoption, marks, sender

if TYPE_CHECKING:
    from pegboard_tracking.client.outbox import Outbox

_LOOK_SECONDS = 1.0
_LONGEST_PAUSE = 30.0
_PATIENCE_SECONDS = 12 * 3600.0
"""For how long it tries to reach a server that no living client needs."""


class Sender:
    """Delivers the journals with one mark in one directory."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self.directory = Path(request["directory"])
        self.mark: str = request["mark"]
        self.idle_seconds: float = request["idle_seconds"]
        self._outbox: Outbox | None = None
        self._looked_at: list[str] = []
        self._pause = _LOOK_SECONDS
        self._useful = time.monotonic()
        """When there last was a client, or something was delivered."""

    def run(self) -> None:
        """Work until no sender is needed; return at once if there is another."""
        while True:
            with sender.lock(self.directory, self.mark) as file:
                if file is None:
                    return
                file.write_text(f"{os.getpid()}\n")
                while self._goes_on():
                    time.sleep(min(self._pause, self.idle_seconds or self._pause))
                adoption.sweep(self.directory)
                file.unlink(missing_ok=True)
            # A client that came just now found the lock held, and relies on us.
            if not self._is_needed():
                return

    def _goes_on(self) -> bool:
        """Deliver what can be; whether there is more to wait for."""
        if not self.directory.exists():
            return False
        names = marks.names(self.directory, self.mark)
        self._looked_at = names
        living = [name for name in names if adoption.is_living(self.directory, name)]
        if living:
            self._useful = time.monotonic()
        if len(living) == len(names):
            self._pause = _LOOK_SECONDS
            return time.monotonic() - self._useful < self.idle_seconds
        try:
            adoption.adopt(self._open(), names)
        except StoreError as error:
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return bool(living) or self._may_pass(error)
        self._useful, self._pause = time.monotonic(), _LOOK_SECONDS
        return True

    def _may_pass(self, error: StoreError) -> bool:
        from pegboard_wire.client.errors import Unreachable

        is_recent = time.monotonic() - self._useful < _PATIENCE_SECONDS
        return isinstance(error, Unreachable) and is_recent

    def _is_needed(self) -> bool:
        """Whether there is a client, or was one, that came after the last look."""
        return any(
            name not in self._looked_at or adoption.is_living(self.directory, name)
            for name in marks.names(self.directory, self.mark)
        )

    def _open(self) -> Outbox:
        """Return the way to the server, whose modules load only when something was left."""
        if self._outbox is None:
            from pegboard_wire.client.connection import Connection
            from pegboard_wire.client.options import Options, Server

            from pegboard_tracking.client.outbox import Outbox

            server = Server(**self._request["server"])
            options = Options(**self._request["options"])
            self._outbox = Outbox(Connection(server, options), self.directory)
        return self._outbox


def main() -> None:
    """Read the request and work; the directory of the script is left to be removed."""
    request = json.loads(sys.stdin.buffer.read())
    os.chdir("/")
    try:
        Sender(request).run()
    except FileNotFoundError:
        # The directory of the journals was removed: nothing is left to be delivered.
        return


if __name__ == "__main__":
    main()
