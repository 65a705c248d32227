"""Reading journals: what was logged behind a position, sorted by series."""

from __future__ import annotations

import zlib
from array import array
from pathlib import Path
from typing import BinaryIO

from pegboard_tracking.points import journal
from pegboard_tracking.points.journal import (
    BATCH,
    GROUP,
    HEAD,
    LENGTH,
    MAGIC,
    OTHER,
    POINT,
    POINT_BODY,
    ROW,
    SERIES,
    SPANS,
    START,
)
from pegboard_tracking.points.journal_points import Collector, Points

_ALONE_BYTES = 640
"""How much is read record by record where points did not follow each other."""


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
        with self._opened() as file:
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

    def _opened(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except PermissionError:
            raise journal.unreadable(self.path) from None

    @staticmethod
    def _complete(content: bytes) -> bool:
        """Whether the content holds one whole record at least, or no record at all."""
        if len(content) < HEAD.size:
            return not content
        length: int = HEAD.unpack_from(content)[0]
        return len(content) >= HEAD.size + length

    def _learn(self, content: bytes) -> None:
        """Take in only the introductions of a part that was moved to the tables already."""
        position, unpack = 0, HEAD.unpack_from
        while position + HEAD.size < len(content):
            length = unpack(content, position)[0]
            start = position + HEAD.size
            if content[start] in (SERIES, GROUP):
                self._introduce(content[start : start + length])
            position = start + length

    def _introduce(self, body: bytes) -> None:
        kind, number = START.unpack_from(body)
        rest = body[START.size :]
        if kind == SERIES:
            start = LENGTH.size
            end = start + LENGTH.unpack_from(rest)[0]
            self._series[number] = (rest[start:end].decode(), rest[end:].decode())
        else:
            self._groups[number] = list(array("I", rest))
            for series in self._groups[number]:
                self._shared.setdefault(series, set()).add(number)

    def _collect(self, content: bytes, points: Points) -> None:
        collector = Collector(self._series, self._groups, self._shared, points)
        position, size, alone_until = 0, len(content), 0
        head, check = HEAD.unpack_from, zlib.crc32
        while position + 8 <= size:
            length, checksum = head(content, position)
            if length == POINT_BODY and position >= alone_until:
                taken = collector.stretch(content, position)
                if taken:
                    position += taken
                    continue
                alone_until = position + _ALONE_BYTES
            body = content[position + 8 : position + 8 + length]
            if len(body) < length:
                break
            if check(body) != checksum or length < START.size:
                self.damaged_at = points.start + position
                break
            kind = body[0]
            if kind == POINT:
                collector.point(body)
            elif kind == ROW:
                collector.row(body)
            elif kind == BATCH:
                collector.batch(body)
            elif kind == SPANS:
                points.spans.append(body[START.size :])
            elif kind == OTHER:
                points.other = body[START.size :]
                position += 8 + length
                break
            else:
                self._introduce(body)
            position += 8 + length
        collector.finish()
        points.end = points.start + position
