"""Answers that cost time, kept for a moment, however many pages ask for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")

_LEAST_SECONDS = 1.0
_TIMES = 20
"""An answer is kept for so many times as long as it took: at most a twentieth of a processor goes
into it."""


class Memo:
    """Answers by what was asked. Any thread may use it; what several want is made once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, object]] = {}
        self._locks: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``make`` returned for a key a moment ago, or else returns now."""
        with self._locks.setdefault(key, threading.Lock()):
            began = self._clock()
            until, value = self._kept.get(key, (began, None))
            if until <= began:
                value = make()
                ended = self._clock()
                kept = max(_LEAST_SECONDS, _TIMES * (ended - began))
                self._kept[key] = (ended + kept, value)
            return cast("T", value)
