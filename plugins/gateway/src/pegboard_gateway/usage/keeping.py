"""All that counts and keeps, put together: ledger, journal, gate, writer, recovery."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import define
from pegboard.errors import StoreBusy, translate_os_error

from pegboard_gateway.control.contract import Ledger
from pegboard_gateway.control.gate import LedgerGate
from pegboard_gateway.control.journal import Journal
from pegboard_gateway.control.ledgers.memory import MemoryLedger
from pegboard_gateway.control.recovery import recover
from pegboard_gateway.control.rules import NO_RULES, Rules
from pegboard_gateway.usage.writer import UsageWriter, open_database

USAGE = "usage.db"
JOURNALS = "journal"
"""The directory of journals. Those of processes that counted in memory lie apart: what they leave
is done otherwise."""


@define(eq=False)
class Keeping:
    """The gate of this process, and the writer behind it."""

    gate: LedgerGate
    writer: UsageWriter
    journal: Journal
    recovered: int
    """How many calls dead processes had left."""
    lock: int

    async def settle(self) -> None:
        """Settle what is over, on the gate's event loop; to be awaited before ``close``."""
        await self.gate.close()

    def close(self) -> None:
        """Write all that is settled."""
        self.writer.close()
        self.journal.close()
        self.gate.ledger.close()
        os.close(self.lock)


def open_keeping(
    directory: Path,
    open_ledger: Callable[[], Ledger],
    rules: Rules = NO_RULES,
    *,
    retention_days: int = 0,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Keeping:
    """Open what counts and keeps in a directory, after what dead processes had left was done.

    Raises StoreBusy if another process counts there in memory, or this one would beside others.
    """
    ledger = open_ledger()
    in_memory = isinstance(ledger, MemoryLedger)
    lock = _lock(directory, alone=in_memory)
    try:
        database = open_database(directory / USAGE)
        journals = directory / JOURNALS / ("memory" if in_memory else "shared")
        journal = Journal(journals)
        writer = UsageWriter(
            database, journal, keeps_levels=in_memory, retention_days=retention_days
        )
        recovered = _recovered(journals, open_ledger, writer)
        if isinstance(ledger, MemoryLedger):
            ledger.restore(writer.levels(clock()))
        gate = LedgerGate(ledger, journal, writer, rules, clock=clock)
    except BaseException:
        os.close(lock)
        raise
    return Keeping(gate, writer, journal, recovered, lock)


def _recovered(journals: Path, open_ledger: Callable[[], Ledger], writer: UsageWriter) -> int:
    """Do what dead processes left; return how many calls those were."""

    async def work() -> int:
        # What speaks to a ledger belongs to one event loop, and the gate's is another one.
        ledger = open_ledger()
        try:
            return await recover(journals, ledger, writer.keep)
        finally:
            ledger.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work()).result()


def _lock(directory: Path, *, alone: bool) -> int:
    """Hold the directory: alone, or with others that count in one place with this process."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(directory / "counting.lock", flags, 0o600)
    except OSError as error:
        raise translate_os_error(error, directory) from error
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreBusy(
            f"Another gateway counts calls and money in {directory}, and one of the two does so in "
            "its own memory.",
            hint="Give all of them ledger = 'sqlite:' (one machine) or 'redis://…' (several).",
        ) from None
    return descriptor
