"""The journal: an append-only file in front of the store, one per writing process.

A logged point is one ``write`` to this file: it survives the death of the process, and costs a
microsecond. Points move on into the tables later (``drain``); how far they have come is part of
the same transaction, so a point is never moved twice and never left out.

File: the bytes ``PEGJRNL1``, then records. Record: length and CRC-32 of the body as two uint32,
then the body. Body: a type byte, three zero bytes, a uint32 number, then by type (little-endian):

====== ======================= ===================================================================
type   number                  what follows
====== ======================= ===================================================================
SERIES of the series           uint32 length of the run id, the run id, the metric's key (UTF-8)
POINT  of the series           int64 step, int64 timestamp in ms, float64 value
GROUP  of the group            uint32 numbers of its series
ROW    of the group            int64 step, int64 timestamp in ms, one float64 per series
BATCH  how many series         per series two uint32: its number, how many points; then all points
OTHER  0                       what else a server is still to be told, as JSON
SPANS  0                       spans and outlines of traces (``pegboard_stores.traces.records``)
====== ======================= ===================================================================
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import struct
import time
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from pegboard.errors import StoreError

MAGIC = b"PEGJRNL1"
SUFFIX = ".log"
POINT_BYTES = 24
"""A point as the tables keep it: int64 step, int64 timestamp, float64 value."""

SERIES, POINT, GROUP, ROW, OTHER, BATCH, SPANS = 1, 2, 3, 4, 5, 6, 7

HEAD = struct.Struct("<II")
"""Length and check sum, in front of a body."""
START = struct.Struct("<B3xI")
"""Type and number, with which a body begins."""
LENGTH = struct.Struct("<I")
_POINT = struct.Struct("<B3xIqqd")
_PLAIN = struct.Struct("<qqd")

_GIVEN_UP_SECONDS = 3600.0
"""How long it cannot take to create a journal."""

_SPANS_START = START.pack(SPANS, 0)
pack_head = HEAD.pack
pack_point = _POINT.pack
POINT_BODY = _POINT.size

logger = logging.getLogger(__name__)


def record(body: bytes) -> bytes:
    """Return the body with its length and check sum in front."""
    return pack_head(len(body), zlib.crc32(body)) + body


def series_body(number: int, run_id: str, key: str) -> bytes:
    """Return the body that introduces a series."""
    run = run_id.encode()
    return START.pack(SERIES, number) + LENGTH.pack(len(run)) + run + key.encode()


def group_body(number: int, series: Iterable[int]) -> bytes:
    """Return the body that introduces a group of series that are logged together."""
    return START.pack(GROUP, number) + array("I", series).tobytes()


def batch_body(columns: Mapping[int, Sequence[tuple[int, int, float]]]) -> bytes:
    """Return the body of points (step, timestamp, value) of several series, kept as a whole."""
    heads = array("I", chain.from_iterable((n, len(column)) for n, column in columns.items()))
    points = [_PLAIN.pack(*point) for column in columns.values() for point in column]
    return b"".join([START.pack(BATCH, len(columns)), heads.tobytes(), *points])


def other_body(content: bytes) -> bytes:
    """Return the body of a record that holds something else than points."""
    return START.pack(OTHER, 0) + content


def spans_body(content: bytes) -> bytes:
    """Return the body of a record that holds spans and outlines of traces."""
    return _SPANS_START + content


def row_struct(width: int) -> struct.Struct:
    """Return the packer of a row of ``width`` values: type, group, step, timestamp, values."""
    return struct.Struct(f"<B3xIqq{width}d")


def try_lock(descriptor: int) -> bool:
    """Take the lock that a journal's owner holds while it lives; False if it does."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give the lock back, also if a child process forked meanwhile has the same descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def create(directory: Path, name: str) -> int:
    """Create a journal and return its descriptor, open for appending and locked.

    It gets its name only once it is locked, so that it is not taken for an orphan.
    """
    directory.mkdir(parents=True, exist_ok=True)
    hidden = directory / f"{name}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(hidden, flags, 0o666)
    try:
        try_lock(descriptor)
        os.write(descriptor, MAGIC)
        hidden.rename(directory / f"{name}{SUFFIX}")
    except BaseException:
        os.close(descriptor)
        hidden.unlink(missing_ok=True)
        raise
    return descriptor


def sweep(directory: Path) -> None:
    """Remove the journals that processes began to create when they were killed."""
    with contextlib.suppress(OSError):
        for hidden in directory.glob("*.new"):
            if time.time() - hidden.stat().st_ctime > _GIVEN_UP_SECONDS:
                hidden.unlink()


def names(directory: Path) -> list[str]:
    """Return the names of the journals in a directory, those of one writer in their order."""
    try:
        with os.scandir(directory) as entries:
            found = [entry.name for entry in entries if entry.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    except PermissionError:
        raise unreadable(directory) from None
    return sorted(name.removesuffix(SUFFIX) for name in found)


def path(directory: Path, name: str) -> Path:
    """Return where the journal of a name lies."""
    return directory / f"{name}{SUFFIX}"


def unreadable(path: Path) -> StoreError:
    """Return the error that says that a journal, or the directory of all, may not be read."""
    return StoreError(
        f"{path} cannot be read, so the last logged points are not known.",
        hint="Ask its owner for the permission to read it.",
    )


def set_aside(path: Path, damaged_at: int) -> None:
    """Keep a damaged journal under another name, and say so."""
    rest = path.stat().st_size - damaged_at
    kept = path.with_suffix(".damaged")
    path.rename(kept)
    logger.warning(
        "The journal %s is damaged at byte %d. All before it is in the store; "
        "the %d bytes from there on were set aside in %s.",
        path,
        damaged_at,
        rest,
        kept,
    )
