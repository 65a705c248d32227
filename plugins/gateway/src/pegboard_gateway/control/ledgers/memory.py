"""Counters in the memory of one process: microseconds, and nothing to wait for.

What makes them last is the journal of calls (``control.journal``) and the table that it ends in;
``restore`` reads that at start.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from pegboard_gateway.control.contract import Charge, Ledger, Level, Refusal
from pegboard_gateway.control.windows import Window

MOST = 2**63 - 1
_SWEEP_EVERY = 10_000
"""After how many reservations the counters of windows that are over are looked for."""

_Cell: TypeAlias = list[int]
"""Level, held, and how many reservations hold something."""
_Key: TypeAlias = tuple[str, int, int]


class MemoryLedger(Ledger):
    """Counters in a dictionary, under one lock."""

    def __init__(self) -> None:
        """Begin with all counters at 0."""
        self._lock = threading.Lock()
        self._cells: dict[_Key, _Cell] = {}
        self._reservations: dict[str, list[tuple[_Cell, int]]] = {}
        self._until_sweep = _SWEEP_EVERY

    def restore(self, levels: Iterable[tuple[str, int, int, int]]) -> None:
        """Add levels: counter, start and end of its window, level."""
        with self._lock:
            for counter, start, end, level in levels:
                cell = self._cells.setdefault((counter, start, end), [0, 0, 0])
                cell[0] = min(cell[0] + level, MOST)

    def reserve(
        self, reservation: str, charges: Sequence[Charge], now_ms: int
    ) -> Sequence[Refusal]:
        """Take all charges, and return nothing; or take none, and return those refused."""
        cells = self._cells
        # The cells, each with as much of its charge as it can still hold.
        taken: list[tuple[_Cell, int]] = []
        refused: list[Refusal] = []
        with self._lock:
            for counter, window, amount, limit in charges:
                key = (counter, *window.span(now_ms))
                cell = cells.get(key)
                if cell is None:
                    cell = cells[key] = [0, 0, 0]
                if limit is not None and cell[0] >= limit and amount:
                    refused.append(Refusal(len(taken), cell[0], cell[1], key[2]))
                taken.append((cell, min(amount, MOST - cell[0])))
            if refused:
                return refused
            self._reservations[reservation] = taken
            for cell, added in taken:
                cell[0] += added
                cell[1] += added
                cell[2] += 1
            self._until_sweep -= 1
            if not self._until_sweep:
                self._sweep(now_ms)
        return ()

    def settle(self, reservation: str, amounts: Sequence[int]) -> None:
        """Replace the amounts of a reservation, and hold them no more."""
        with self._lock:
            taken = self._reservations.pop(reservation, None)
            if taken is None:
                return
            for (cell, added), amount in zip(taken, amounts, strict=True):
                # What was added is taken away again, so neither falls below 0.
                cell[0] = min(cell[0] - added + amount, MOST)
                cell[1] -= added
                cell[2] -= 1

    def holds(self, reservation: str) -> bool:
        """Return whether a reservation was taken, and is not settled yet."""
        return reservation in self._reservations

    def levels(self, counters: Sequence[tuple[str, Window]], now_ms: int) -> Sequence[Level]:
        """Return where counters stand in the windows around a time."""
        with self._lock:
            found = [
                self._cells.get((counter, *window.span(now_ms)), (0, 0))
                for counter, window in counters
            ]
            return [Level(cell[0], cell[1]) for cell in found]

    def _sweep(self, now_ms: int) -> None:
        """Forget windows that are over; what is asked for next looks at all of them again."""
        over = [key for key, cell in self._cells.items() if key[2] <= now_ms and not cell[2]]
        for key in over:
            del self._cells[key]
        # However many are left, the sweep takes a small part of the time.
        self._until_sweep = max(_SWEEP_EVERY, len(self._cells))


def make(uri: str, directory: Path) -> Ledger:  # noqa: ARG001
    """Return counters in this process."""
    return MemoryLedger()
