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
    until: float


class Kept:
    """The last answers, each of one revision; may be used from several threads."""

    def __init__(self, most: int = 48) -> None:
        """Keep so many answers."""
        self._most = most
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, key: Hashable, revision: int, make: Callable[[], T], *, patience: float = 0.0
    ) -> T:
        """Return what ``make`` returned for this key and revision.

        What took long is good for ``patience`` times as long, whatever changes meanwhile: a store
        that is always written to must not be counted anew each time.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and (entry.revision == revision or time.monotonic() < entry.until):
                self._entries.move_to_end(key)
                found: T = entry.value
                return found
        begun = time.monotonic()
        made = make()
        ended = time.monotonic()
        until = ended + min(patience * (ended - begun), _LONGEST_SECONDS) if patience else 0.0
        with self._lock:
            self._entries[key] = _Entry(revision, made, until)
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        return made
