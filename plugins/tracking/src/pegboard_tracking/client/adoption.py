"""Taking over the journals of processes that ended: each by one process at a time.

The lock of a journal is its writer's while that lives. Who gets it then sends the rest and removes
the journal; if it is killed amid that, the next one goes on where it stopped (``outbox``).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import StoreError

from pegboard_tracking.points import journal

if TYPE_CHECKING:
    from pegboard_tracking.client.outbox import Outbox

_LEFTOVERS = (".sent", ".sending")


@contextmanager
def claimed(directory: Path, name: str) -> Iterator[bool | None]:
    """Hold the lock of a journal; False if another process holds it, None if it is gone."""
    try:
        descriptor = os.open(directory / f"{name}{journal.SUFFIX}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    mine = False
    try:
        mine = journal.try_lock(descriptor)
        yield mine
    finally:
        if mine:
            journal.unlock(descriptor)
        os.close(descriptor)


def is_living(directory: Path, name: str) -> bool:
    """Whether a process holds the lock of a journal: its writer, or one that took it over."""
    with claimed(directory, name) as mine:
        return mine is False


def adopt(outbox: Outbox, names: list[str]) -> None:
    """Send and remove those of some journals whose processes have ended.

    Raises Unreachable at once, and other StoreErrors (a run that may not be written any more, say)
    after the other journals were sent.
    """
    from pegboard_wire.client.errors import Unreachable

    failed: StoreError | None = None
    for name in names:
        with claimed(outbox.directory, name) as mine:
            try:
                if mine:
                    outbox.finish(name)
            except Unreachable:
                raise
            except StoreError as error:
                failed = error
    if failed is not None:
        raise failed


def gather(outbox: Outbox, names: list[str], run_id: str) -> None:
    """Send what some journals hold so far if they are about a run; remove those of the dead."""
    for name in names:
        if _is_about(outbox.directory / f"{name}{journal.SUFFIX}", run_id):
            outbox.one(name)
            outbox.forget(name)
            adopt(outbox, [name])


def _is_about(path: Path, run_id: str) -> bool:
    """Whether a journal holds the id of a run, as every journal does that has points of it."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return whole.find(run_id.encode()) >= 0
    except FileNotFoundError:
        return False


def sweep(directory: Path) -> None:
    """Remove what a process that was killed amid the end of a journal left of it."""
    for file in directory.iterdir():
        if file.suffix in _LEFTOVERS and not file.with_suffix(journal.SUFFIX).exists():
            file.unlink(missing_ok=True)
