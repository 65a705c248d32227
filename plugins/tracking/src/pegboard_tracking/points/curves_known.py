"""Curves that were asked for before, remembered as long as nothing is added to their series.

Most series of a chart that is open do not change any more, and several people look at the same one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_stores.curves import Curve

MOST_BYTES = 16 << 20
"""How large the curves are that are remembered, all together."""
_BYTES = 500
"""About how large a curve is beside its points."""


class KnownCurves:
    """Curves by what they show. May be used from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._curves: OrderedDict[Hashable, tuple[Hashable, Curve]] = OrderedDict()
        self._size = 0

    def get(self, what: Hashable, state: Hashable) -> Curve | None:
        """Return a curve, if it was made of this state."""
        with self._lock:
            known, curve = self._curves.get(what, (None, None))
            if known != state:
                return None
            self._curves.move_to_end(what)
            return curve

    def put(self, what: Hashable, state: Hashable, curve: Curve) -> None:
        """Remember a curve, and forget those that were not asked for the longest."""
        with self._lock:
            self._forget(what)
            self._curves[what] = state, curve
            self._size += _size(curve)
            while self._size > self._most_bytes:
                self._forget(next(iter(self._curves)))

    def _forget(self, what: Hashable) -> None:
        _, curve = self._curves.pop(what, (None, None))
        if curve is not None:
            self._size -= _size(curve)


def state_of(connection: sqlite3.Connection, run: int, names: tuple[str, ...]) -> Hashable:
    """Return what changes with each point of some metrics of a run, and with the run itself."""
    found: list[Any] = connection.execute(
        "SELECT run_id, start_time FROM run WHERE id = ?", (run,)
    ).fetchall()
    for name in names:
        # NaN is NULL in the tables, so that a state equals itself.
        found += connection.execute(
            "SELECT id, points, chunks, step, timestamp, value FROM series WHERE run = ?"
            " AND name = (SELECT id FROM name WHERE text = ?)",
            (run, name),
        ).fetchall()
    return tuple(found)


def _size(curve: Curve) -> int:
    return _BYTES + 8 * (len(curve.x) + len(curve.y) + len(curve.smooth_x) + len(curve.smooth_y))
