"""Gateways that are killed, and what has to hold afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import killed
from pegboard_gateway.usage.keeping import USAGE, Keeping, open_keeping
from world import compare, open_ledger, sums


def die(keeping: Keeping) -> None:
    """Let go of what the system takes from a process that is killed; nothing else happens."""
    keeping.writer._stopping = True
    keeping.writer._wake.set()
    with keeping.writer._writing:
        keeping.writer._waiting.clear()
    for file in keeping.journal._files:
        os.close(file.descriptor)
    os.close(keeping.lock)


def kill_and_compare(kind: str, processes: int, directory: Path) -> None:
    """Kill processes that make calls, again and again; then compare counters and records."""
    script = Path(__file__).with_name("killed.py")
    for turn in range(4):
        started = [
            subprocess.Popen(
                [sys.executable, str(script), kind, str(directory), str(10 * turn + number)],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(script.parent)},
            )
            for number in range(processes)
        ]
        for process in started:
            assert process.stdout is not None
            for _ in range(30 * turn + 5):
                assert process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
    asyncio.run(_check(kind, directory, processes))


async def _check(kind: str, directory: Path, processes: int) -> None:
    keeping = open_keeping(directory, lambda: open_ledger(kind, directory), killed.RULES)
    ledger = keeping.gate.ledger
    assert keeping.recovered
    usage = directory / USAGE
    await compare(ledger, usage, killed.RULES, keeping.gate.clock())
    for budget in killed.RULES.budgets:
        for spent in sums(usage, budget, keeping.gate.clock()).values():
            assert spent < budget.amount + killed.MOST
    assert sum(sums(usage, killed.RULES.limits[0], keeping.gate.clock()).values()) > 20 * processes
    keeping.close()
    # What was done for the dead is done once.
    keeping = open_keeping(directory, lambda: open_ledger(kind, directory), killed.RULES)
    assert not keeping.recovered
    await compare(keeping.gate.ledger, usage, killed.RULES, keeping.gate.clock())
    keeping.close()
