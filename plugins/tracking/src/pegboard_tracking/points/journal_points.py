"""The points among the records of a journal, sorted by series."""

from __future__ import annotations

import zlib
from array import array

from attrs import define, field

from pegboard_tracking.points.journal import HEAD, POINT, POINT_BODY, POINT_BYTES, START

_RECORD = HEAD.size + POINT_BODY
_WORDS = _RECORD // 4
_LONGS = _RECORD // 8
_FEWEST, _MOST = 16, 4096
"""How many records of points are read together."""


@define
class Points:
    """What was read from a journal: per series, its points packed as the tables keep them."""

    by_series: dict[tuple[str, str], list[bytes]] = field(factory=dict)
    """(run id, key) to pieces of packed points, in the order they were logged."""
    start: int = 0
    """The position in the file at which reading began."""
    end: int = 0
    """The position behind the last record that was read."""
    spans: list[bytes] = field(factory=list)
    """What records of spans hold, in the order they were written."""
    other: bytes | None = None
    """What a record of another kind holds, which comes after the points and ended the reading."""


class Collector:
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
        self._together = _FEWEST

    def stretch(self, content: bytes, position: int) -> int:
        """Take records of single points that follow each other, all at once.

        Returns how many bytes they are: 0 if there are too few, or if one of them is damaged.
        """
        count = min((len(content) - position) // _RECORD, self._together)
        chunk = content[position : position + count * _RECORD]
        words = array("I", chunk)
        lengths, kinds = words[0::_WORDS], words[2::_WORDS]
        if lengths.count(POINT_BODY) != count or kinds.count(POINT) != count:
            found = (i for i in range(count) if (lengths[i], kinds[i]) != (POINT_BODY, POINT))
            count = next(found)
            chunk, words = chunk[: count * _RECORD], words[: count * _WORDS]
            self._together = max(2 * count, _FEWEST)
        else:
            self._together = min(2 * self._together, _MOST)
        if count < _FEWEST:
            return 0
        bodies = [chunk[i : i + POINT_BODY] for i in range(HEAD.size, len(chunk), _RECORD)]
        if list(map(zlib.crc32, bodies)) != words[1::_WORDS].tolist():
            return 0
        numbers = words[3::_WORDS]
        if numbers.count(numbers[0]) == count:
            self._column(numbers[0], array("q", chunk))
        else:
            for body in bodies:
                self.point(body)
        return len(chunk)

    def _column(self, number: int, table: array[int]) -> None:
        """Take the points of one series out of their records."""
        self._settle_rows_of(number)
        column = array("q", bytes(POINT_BYTES * (len(table) // _LONGS)))
        for i in range(3):
            column[i::3] = table[i + 2 :: _LONGS]
        self._single.setdefault(number, []).append(column.tobytes())

    def point(self, body: bytes) -> None:
        """Take a single point."""
        number = int.from_bytes(body[4:8], "little")
        if self._rows:
            self._settle_rows_of(number)
        try:
            self._single[number].append(body[8:])
        except KeyError:
            self._single[number] = [body[8:]]

    def row(self, body: bytes) -> None:
        """Take a point for each series of a group."""
        group = int.from_bytes(body[4:8], "little")
        rows = self._rows.get(group)
        if rows is None:
            # The first row of a group: what its series got in other ways comes before it.
            for number in self._groups[group]:
                self._settle_rows_of(number)
            rows = self._rows[group] = []
        rows.append(body[8:])

    def batch(self, body: bytes) -> None:
        """Take points of several series."""
        count = int.from_bytes(body[4:8], "little")
        begin = START.size + 8 * count
        heads = array("I", body[START.size : begin])
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
        """Hand over what was taken."""
        for group, rows in self._rows.items():
            self._transpose(group, rows)
        for number, pieces in self._single.items():
            self._points.by_series.setdefault(self._series[number], []).extend(pieces)
