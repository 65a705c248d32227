"""What is left of processes that were killed: found in their journals, and done for them.

A call that was over gets its counters settled and its record kept. One that still ran counts with
what was reserved for it: nobody knows how far its upstream came. To recover twice does no harm.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Sequence
from inspect import isawaitable
from pathlib import Path
from typing import Any, cast

from attrs import define, field

from pegboard_gateway.control import journal
from pegboard_gateway.control.contract import Ledger
from pegboard_gateway.control.journal import Charged
from pegboard_gateway.control.rows import PLACE, Row, completed
from pegboard_gateway.control.rules import CALLS
from pegboard_gateway.control.settling import Closed, reservation_name

_GIVEN_UP_SECONDS = 3600.0


@define(eq=False)
class _Call:
    """What a journal says of one call."""

    row: Row
    charges: Sequence[Charged]
    attempts: list[tuple[int | None, int | None, Sequence[Charged]]] = field(factory=list)
    """What the one before took, what this one may cost (None: nobody knows), its charges."""


async def recover(directory: Path, ledger: Ledger, keep: Callable[[Sequence[Closed]], None]) -> int:
    """Do what dead processes left in a directory; return how many calls those were.

    ``keep`` adds records that are not in the table yet, with their counters where the ledger is
    in memory; when it returns they are committed.
    """
    count = 0
    for files in _writers(directory):
        with contextlib.ExitStack() as stack:
            if not all(stack.enter_context(_locked(file)) for file in files):
                continue
            ended, running = _read(files)
            closed = [*ended, *[await _lost(call, left, ledger) for call, left in running.items()]]
            keep(closed)
            if ledger.shared:
                for each in closed:
                    await _settle(each, ledger)
            for file in files:
                file.unlink(missing_ok=True)
            count += len(closed)
    return count


def _writers(directory: Path) -> list[list[Path]]:
    """Return the files of each process that writes here, or did, in their order."""
    found: dict[str, list[Path]] = {}
    for file in sorted(directory.glob(f"*{journal.SUFFIX}")):
        found.setdefault(file.name.partition("-")[0], []).append(file)
    for hidden in directory.glob("*.new"):
        with contextlib.suppress(OSError):
            if time.time() - hidden.stat().st_ctime > _GIVEN_UP_SECONDS:
                hidden.unlink()
    return list(found.values())


@contextlib.contextmanager
def _locked(file: Path) -> Any:
    """Hold a file that nobody writes to any more; gives False if somebody does."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        yield False
        return
    try:
        # Another process may have done it all before this one held the lock.
        yield file.exists()
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _read(files: Sequence[Path]) -> tuple[list[Closed], dict[str, _Call]]:
    """Return the calls that were over, and those that still ran."""
    ended: list[Closed] = []
    running: dict[str, _Call] = {}
    for file in files:
        for kind, call, *rest in journal.read(file.read_bytes()):
            if kind == journal.BEGIN:
                running[call] = _Call(cast("Row", completed(rest[0])), *rest[1:])
            elif kind == journal.MORE and call in running:
                running[call].attempts.append((rest[0], rest[1], rest[2]))
            elif kind == journal.END:
                running.pop(call, None)
                ended.append(Closed(call, completed(rest[0]), *rest[1:]))
    return ended, running


async def _lost(call: str, left: _Call, ledger: Ledger) -> Closed:
    """Return how a call ends that nobody saw the end of."""
    row, took = list(left.row), []
    for number, (_, cost, charges) in enumerate(left.attempts, 1):
        following = left.attempts[number][0] if number < len(left.attempts) else None
        if following is not None:
            took.append(following)
        else:
            held = not charges or await _holds(ledger, reservation_name(call, number))
            took.append((cost or 0) if held else 0)
    row[PLACE["cost"]] = sum(took)
    row[PLACE["unpriced"]] = int(any(cost is None for _, cost, _ in left.attempts))
    admitted = not left.charges or await _holds(ledger, reservation_name(call, 0))
    if not admitted:
        row[PLACE["admitted"]] = row[PLACE["tokens_in"]] = row[PLACE["tokens_out"]] = 0
    tokens = row[PLACE["tokens_in"]] + row[PLACE["tokens_out"]]
    # What filled a counter counts no more: the record and its counters agree.
    admission = [
        (each[0], each[1], each[2], 1 if each[0].startswith(CALLS) else tokens)
        for each in left.charges
    ]
    reservations: list[Sequence[Charged]] = [admission if admitted else []]
    for cost, (_, _, charges) in zip(took, left.attempts, strict=True):
        reservations.append([(charge[0], charge[1], charge[2], cost) for charge in charges])
    return Closed(call, row, reservations)


async def _holds(ledger: Ledger, reservation: str) -> bool:
    # What was in memory is gone, and was written down only when it was taken.
    if not ledger.shared:
        return True
    soon = ledger.holds(reservation)
    return await soon if isawaitable(soon) else soon


async def _settle(closed: Closed, ledger: Ledger) -> None:
    for number, charges in enumerate(closed.reservations):
        if charges:
            amounts = [charge[3] for charge in charges]
            soon = ledger.settle(reservation_name(closed.call, number), amounts)
            if isawaitable(soon):
                await soon
