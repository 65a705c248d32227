"""How often one may give a wrong password."""

from __future__ import annotations

import hashlib
import time
from collections import deque

from pegboard_server.failures import Failure

OF_NAME, OF_CLIENT = 10, 100
"""How many wrong passwords a client may give within a minute: for one name, and for all."""

_SECONDS = 60.0
_REMEMBERED = 10_000


class Throttle:
    """Counts tries, each from before it is known to be wrong: many at once are many too."""

    def __init__(self) -> None:
        self._tries: dict[bytes, deque[float]] = {}

    def take(self, client: str, name: str) -> None:
        """Count a try; refused if there were too many."""
        now = time.monotonic()
        counted = [(self._since(key, now), most) for key, most in _keys(client, name)]
        if any(len(tries) >= most for tries, most in counted):
            raise Failure(
                429,
                "REQUEST_LIMIT_EXCEEDED",
                "Too many wrong passwords; wait a minute.",
                {"retry-after": f"{_SECONDS:.0f}"},
            )
        for tries, _ in counted:
            tries.append(now)

    def forgive(self, client: str, name: str) -> None:
        """Take a try back: the password was right."""
        for key, _ in _keys(client, name):
            if tries := self._tries.get(key):
                tries.pop()

    def _since(self, key: bytes, now: float) -> deque[float]:
        """Return the tries of the last minute; the key becomes the last one to be forgotten."""
        tries = self._tries.pop(key, None) or deque()
        while tries and tries[0] <= now - _SECONDS:
            tries.popleft()
        self._tries[key] = tries
        if len(self._tries) > _REMEMBERED:
            del self._tries[next(iter(self._tries))]
        return tries


def _keys(client: str, name: str) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    # Hashed, as names that are sent may be long.
    return (_key(client, name), OF_NAME), (_key(client), OF_CLIENT)


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
