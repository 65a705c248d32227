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
====== ======================= ===================================================================
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from attrs import define, field

MAGIC = b"PEGJRNL1"
SUFFIX = ".log"
POINT_BYTES = 24
"""A point as the tables keep it: int64 step, int64 timestamp, float64 value."""

SERIES, POINT, GROUP, ROW, OTHER, BATCH = 1, 2, 3, 4, 5, 6

_HEAD = struct.Struct("<II")
_START = struct.Struct("<B3xI")
_POINT = struct.Struct("<B3xIqqd")
_PLAIN = struct.Struct("<qqd")
_LENGTH = struct.Struct("<I")

pack_head = _HEAD.pack
pack_point = _POINT.pack
POINT_BODY = _POINT.size

logger = logging.getLogger(__name__)


def record(body: bytes) -> bytes:
    """Return the body with its length and check sum in front."""
    return pack_head(len(body), zlib.crc32(body)) + body


def series_body(number: int, run_id: str, key: str) -> bytes:
    """Return the body that introduces a series."""
    run = run_id.encode()
    return _START.pack(SERIES, number) + _LENGTH.pack(len(run)) + run + key.encode()


def group_body(number: int, series: Iterable[int]) -> bytes:
    """Return the body that introduces a group of series that are logged together."""
    return _START.pack(GROUP, number) + array("I", series).tobytes()


def batch_body(columns: Mapping[int, Sequence[tuple[int, int, float]]]) -> bytes:
    """Return the body of points (step, timestamp, value) of several series, kept as a whole."""
    heads = array("I", chain.from_iterable((n, len(column)) for n, column in columns.items()))
    points = [_PLAIN.pack(*point) for column in columns.values() for point in column]
    return b"".join([_START.pack(BATCH, len(columns)), heads.tobytes(), *points])


def other_body(content: bytes) -> bytes:
    """Return the body of a record that holds something else than points."""
    return _START.pack(OTHER, 0) + content


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


def create(directory: Path, name: str) -> int:
    """Create a journal and return its descriptor, open for appending and locked.

    It gets its name only once it is locked, so that nobody takes it for an orphan.
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


def names(directory: Path) -> list[str]:
    """Return the names of the journals in a directory, those of one writer in their order."""
    try:
        with os.scandir(directory) as entries:
            found = [entry.name for entry in entries if entry.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    return sorted(name.removesuffix(SUFFIX) for name in found)


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


@define
class Points:
    """What was read from a journal: per series, its points packed as the tables keep them."""

    by_series: dict[tuple[str, str], list[bytes]] = field(factory=dict)
    """(run id, key) to pieces of packed points, in the order they were logged."""
    start: int = 0
    """The position in the file at which reading began."""
    end: int = 0
    """The position behind the last record that was read."""
    other: bytes | None = None
    """What a record of another kind holds, which comes after the points and ended the reading."""


class JournalReader:
    """Reads one journal from where it stopped last time, and remembers what it introduced."""

    def __init__(self, path: Path) -> None:
        """Prepare to read from the start."""
        self.path = path
        self.damaged_at: int | None = None
        """Where a record begins that is complete in length but wrong: nothing follows it."""
        self._known_to = len(MAGIC)
        self._series: dict[int, tuple[str, str]] = {}
        self._groups: dict[int, list[int]] = {}
        self._shared: dict[int, set[int]] = {}

    def read(self, position: int, limit: int = 1 << 23) -> Points:
        """Return what was logged behind ``position``, about ``limit`` bytes of it at the most.

        An incomplete last record is left for the next time: its writer may be at work on it.
        """
        position = max(position, len(MAGIC))
        with self.path.open("rb") as file:
            if position > self._known_to:
                self._learn(file.read(position)[self._known_to :])
                self._known_to = position
            file.seek(position)
            content = file.read(limit)
            end = self._complete(content)
            while not end and len(content) == limit and self.damaged_at is None:
                # One record is longer than all that was read.
                limit *= 4
                file.seek(position)
                content = file.read(limit)
                end = self._complete(content)
        points = Points(start=position, end=position)
        self._collect(content, points)
        self._known_to = max(self._known_to, points.end)
        return points

    @staticmethod
    def _complete(content: bytes) -> bool:
        """Whether the content holds one whole record at least, or no record at all."""
        if len(content) < _HEAD.size:
            return not content
        length: int = _HEAD.unpack_from(content)[0]
        return len(content) >= _HEAD.size + length

    def _learn(self, content: bytes) -> None:
        """Take in only the introductions of a part that was moved to the tables already."""
        position, unpack = 0, _HEAD.unpack_from
        while position + _HEAD.size < len(content):
            length = unpack(content, position)[0]
            start = position + _HEAD.size
            if content[start] in (SERIES, GROUP):
                self._introduce(content[start : start + length])
            position = start + length

    def _introduce(self, body: bytes) -> None:
        kind, number = _START.unpack_from(body)
        rest = body[_START.size :]
        if kind == SERIES:
            start = _LENGTH.size
            end = start + _LENGTH.unpack_from(rest)[0]
            self._series[number] = (rest[start:end].decode(), rest[end:].decode())
        else:
            self._groups[number] = list(array("I", rest))
            for series in self._groups[number]:
                self._shared.setdefault(series, set()).add(number)

    def _collect(self, content: bytes, points: Points) -> None:
        collector = _Collector(self._series, self._groups, self._shared, points)
        position, size = 0, len(content)
        head, check = _HEAD.unpack_from, zlib.crc32
        while position + 8 <= size:
            length, checksum = head(content, position)
            body = content[position + 8 : position + 8 + length]
            if len(body) < length:
                break
            if check(body) != checksum or length < _START.size:
                self.damaged_at = points.start + position
                break
            kind = body[0]
            if kind == POINT:
                collector.point(body)
            elif kind == ROW:
                collector.row(body)
            elif kind == BATCH:
                collector.batch(body)
            elif kind == OTHER:
                points.other = body[_START.size :]
                position += 8 + length
                break
            else:
                self._introduce(body)
            position += 8 + length
        collector.finish()
        points.end = points.start + position


class _Collector:
    """Sorts points by series. Rows of a group are gathered, then turned into columns at once."""

    def __init__(
        self,
        series: dict[int, tuple[str, str]],
        groups: dict[int, list[int]],
        shared: dict[int, set[int]],
        points: Points,
    ) -> None:
        self._series = series
        self._groups = groups
        self._shared = shared
        self._points = points
        self._single: dict[int, list[bytes]] = {}
        self._rows: dict[int, list[bytes]] = {}

    def point(self, body: bytes) -> None:
        number = int.from_bytes(body[4:8], "little")
        if self._rows:
            self._settle_rows_of(number)
        try:
            self._single[number].append(body[8:])
        except KeyError:
            self._single[number] = [body[8:]]

    def row(self, body: bytes) -> None:
        group = int.from_bytes(body[4:8], "little")
        rows = self._rows.get(group)
        if rows is None:
            # The first row of a group: what its series got in other ways comes before it.
            for number in self._groups[group]:
                self._settle_rows_of(number)
            rows = self._rows[group] = []
        rows.append(body[8:])

    def batch(self, body: bytes) -> None:
        count = int.from_bytes(body[4:8], "little")
        begin = _START.size + 8 * count
        heads = array("I", body[_START.size : begin])
        for number, points in zip(heads[0::2], heads[1::2], strict=True):
            if self._rows:
                self._settle_rows_of(number)
            end = begin + points * POINT_BYTES
            self._single.setdefault(number, []).append(body[begin:end])
            begin = end

    def _settle_rows_of(self, number: int) -> None:
        for group in self._shared.get(number, ()):
            if group in self._rows:
                self._transpose(group, self._rows.pop(group))

    def _transpose(self, group: int, rows: list[bytes]) -> None:
        members = self._groups[group]
        width = len(members) + 2
        table = array("q", b"".join(rows))
        column = array("q", bytes(POINT_BYTES * len(rows)))
        column[0::3] = table[0::width]
        column[1::3] = table[1::width]
        for i, number in enumerate(members, start=2):
            column[2::3] = table[i::width]
            self._single.setdefault(number, []).append(column.tobytes())

    def finish(self) -> None:
        for group, rows in self._rows.items():
            self._transpose(group, rows)
        for number, pieces in self._single.items():
            self._points.by_series.setdefault(self._series[number], []).extend(pieces)
