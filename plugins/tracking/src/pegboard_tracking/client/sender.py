"""Starting the sender: a small process that delivers what a killed client of a server leaves.

There is one for each user of a machine, server and caller (``marks``). It gets what it needs to
call the server through a pipe, so credentials stand in no file and on no command line, and it
delivers only what was logged with the same ones. It is detached from the script, holds none of its
files, and ends when no client is left and nothing waits.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_tracking.client import adoption, marks
from pegboard_tracking.points import journal

if TYPE_CHECKING:
    from pegboard_wire.client.connection import Connection

    from pegboard_tracking.settings import Settings

_MODULE = "pegboard_tracking.client.sending"
_SHELL = "/bin/sh"
_DETACHED = 'exec 3<&0; "$@" <&3 3<&- >/dev/null 2>&1 &'
"""Starts a process that is not our child: the shell between us ends at once."""

_MOST_BYTES = 60_000
"""How many bytes a pipe takes without a reader."""

logger = logging.getLogger(__name__)


@contextmanager
def lock(directory: Path, mark: str) -> Iterator[Path | None]:
    """Hold the lock of the sender of a mark; None if another process does."""
    file = directory / f"sender-{mark}.lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    mine = False
    try:
        mine = journal.try_lock(descriptor)
        yield file if mine and _is_still(file, descriptor) else None
    finally:
        if mine:
            journal.unlock(descriptor)
        os.close(descriptor)


def _is_still(file: Path, descriptor: int) -> bool:
    """Whether a file has not been removed since it was opened."""
    try:
        return file.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def start(connection: Connection, settings: Settings, directory: Path, mark: str) -> None:
    """Make sure that the sender runs, unless it is switched off. A failure is not an error.

    A sender that is about to end checks the journals once more after it gave up its lock, so a
    process that has a journal and finds the lock held has a sender.
    """
    if not is_used(settings):
        return
    try:
        with lock(directory, mark) as free:
            if free is None and (directory / f"sender-{mark}.lock").exists():
                return
        _spawn(_request(connection, settings, directory, mark))
    except OSError as error:
        logger.debug("The sender could not be started: %s", error)


def start_if_left(connection: Connection, settings: Settings, directory: Path) -> None:
    """Start the sender if an ended process of this machine and caller left something."""
    if is_used(settings) and journal.names(directory):
        mark = marks.mark_of(connection.options)
        if not all(adoption.is_living(directory, name) for name in marks.names(directory, mark)):
            start(connection, settings, directory, mark)


def is_used(settings: Settings) -> bool:
    """Whether a sender is wanted, and this program is a Python that can be started again."""
    name = Path(sys.executable or "").name.lower()
    is_python = name.startswith(("python", "pypy")) and not getattr(sys, "frozen", False)
    return settings.sender and is_python


def _request(connection: Connection, settings: Settings, directory: Path, mark: str) -> bytes:
    # The sender's own process imports this module too, and does without it.
    import attrs

    return json.dumps(
        {
            "server": attrs.asdict(connection.server),
            "options": attrs.asdict(connection.options),
            "directory": str(directory.absolute()),
            "mark": mark,
            "idle_seconds": settings.sender_idle_seconds,
        }
    ).encode()


def _spawn(request: bytes) -> None:
    # Loads only where a sender is started.
    import subprocess

    if len(request) > _MOST_BYTES:
        raise OSError("its options are too long for a pipe")
    readable, writable = os.pipe()
    try:
        os.write(writable, request)
        os.close(writable)
        # -P: the working directory may hold modules that are named as ours are.
        python = [sys.executable, "-P", "-m", _MODULE]
        shell = subprocess.Popen(
            [_SHELL, "-c", _DETACHED, _SHELL, *python], stdin=readable, start_new_session=True
        )
        shell.wait()
    finally:
        os.close(readable)
