"""Answers that are kept as long as nothing has changed."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from attrs import frozen

T = TypeVar("T")

_LONGEST_SECONDS = 30.0


@frozen
class _Entry:
    revision: int
    value: Any
    weight: int
    until: float


def _size(value: object) -> int:
    """Return about how many values are kept with an answer."""
    return len(value) if hasattr(value, "__len__") else 1


class Kept:
    """The last answers, each of one revision; may be used from several threads."""

    def __init__(self, most: int) -> None:
        """Keep answers that together hold about this many values."""
        self._left = most
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self,
        key: Hashable,
        revision: int,
        make: Callable[[], T],
        *,
        patience: float = 0.0,
        renew: Callable[[T, int], T | None] | None = None,
    ) -> T:
        """Return what ``make`` returned for this key and revision.

        What took long is good for ``patience`` times as long, whatever changes meanwhile: a store
        that is always written to must not be counted anew each time. ``renew`` makes an answer of
        that of another revision; None if it cannot.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
        if entry is not None and (entry.revision == revision or time.monotonic() < entry.until):
            found: T = entry.value
            return found
        begun = time.monotonic()
        renewed = None if entry is None or renew is None else renew(entry.value, entry.revision)
        made = make() if renewed is None else renewed
        ended = time.monotonic()
        until = ended + min(patience * (ended - begun), _LONGEST_SECONDS) if patience else 0.0
        self._put(key, _Entry(revision, made, _size(made) + 1, until))
        return made

    def _put(self, key: Hashable, entry: _Entry) -> None:
        with self._lock:
            old = self._entries.pop(key, None)
            self._left += 0 if old is None else old.weight
            self._entries[key] = entry
            self._left -= entry.weight
            while self._left < 0:
                _, gone = self._entries.popitem(last=False)
                self._left += gone.weight


class Memory:
    """What a store keeps for its table."""

    def __init__(self) -> None:
        self.answers = Kept(1_000_000)
        self.columns = Kept(2_000_000)
        self.keys = Kept(20_000)
