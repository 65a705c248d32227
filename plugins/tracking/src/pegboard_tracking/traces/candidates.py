"""Which traces may have a text, by the index of words: all that have it, and perhaps others."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from attrs import define, field, frozen
from pegboard_stores.filters import Comparison, Kind, Operator

from pegboard_tracking.traces import index
from pegboard_tracking.traces.index import Postings
from pegboard_tracking.traces.words import END, Needles, needles_of_like, needles_of_text

_SAMPLE = 16


@frozen
class Demand:
    """What words must hold: all needles of one alternative, with ``fold`` in any case of a to z."""

    alternatives: tuple[Needles, ...]
    fold: bool = False


def demands(item: Comparison) -> list[Demand]:
    """Return what a comparison of a span's content or attribute asks of its words."""
    key, value = item.field.key, item.value
    name = key.removeprefix("attributes.").strip("`") if key.startswith("attributes.") else None
    if item.field.kind is not Kind.ATTRIBUTE and key != "content" and name is None:
        return []
    found = []
    if item.operator in (Operator.LIKE, Operator.ILIKE):
        needles = needles_of_like(str(value), escaped=name is not None)
        found.append(Demand((needles,), item.operator is Operator.ILIKE))
    elif item.operator is Operator.EQ:
        found.append(Demand((needles_of_text(str(value)),)))
    elif item.operator is Operator.IN:
        assert isinstance(value, tuple)
        found.append(Demand(tuple(map(needles_of_text, value))))
    if name is not None:
        found.append(Demand((needles_of_text(name),)))
    return [demand for demand in found if all(demand.alternatives)]


@define
class Candidates:
    """The traces whose spans may meet demands, found out segment by segment."""

    _connection: sqlite3.Connection
    _demands: Sequence[Demand]
    _ranges: list[tuple[int, int]] = field(init=False)
    _found: dict[int, frozenset[int]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._ranges = index.ranges(self._connection)

    def few(self, limit: int) -> list[int] | None:
        """Return the rows of all candidates; None if they seem to be many more than ``limit``."""
        rows: set[int] = set()
        for place, words in enumerate(index.all_words(self._connection), 1):
            found = self._look(self._ranges[-place][0], words)
            self._found[len(self._ranges) - place] = found
            rows |= found
            # What comes from the first segments tells how many there will be.
            if len(rows) * len(self._ranges) > 2 * limit * max(place, _SAMPLE):
                return None
        return sorted(rows.union(self._uncovered()))

    def _uncovered(self) -> Iterable[int]:
        """Return the traces of the last spans, which are in no segment and not many."""
        last = self._ranges[-1][1] if self._ranges else 0
        found = self._connection.execute("SELECT trace FROM span WHERE id > ?", (last,))
        return (row for (row,) in found)

    def may_have(self, span: int, trace: int) -> bool:
        """Whether a span of a trace may meet the demands: both are rows."""
        place = bisect_left(self._ranges, span, key=_last)
        if place == len(self._ranges) or self._ranges[place][0] > span:
            return True
        found = self._found.get(place)
        if found is None:
            first, _ = self._ranges[place]
            found = self._look(first, index.words(self._connection, first))
            self._found[place] = found
        return trace in found

    def _look(self, first: int, words: bytes) -> frozenset[int]:
        """Return the candidates of a segment."""
        folded = words.lower() if any(demand.fold for demand in self._demands) else words
        for demand in self._demands:
            # Most segments lack what is rare, which their words alone tell.
            text = folded if demand.fold else words
            if not any(
                all((needle.lower() if demand.fold else needle) in text for needle in needles)
                for needles in demand.alternatives
            ):
                return frozenset()
        known = index.postings(self._connection, first)
        mask = (1 << len(known.traces)) - 1
        for demand in self._demands:
            text = folded if demand.fold else words
            mask &= _meeting(known, demand, text)
            if not mask:
                return frozenset()
        return frozenset(known.rows(mask))


def _last(covered: tuple[int, int]) -> int:
    return covered[1]


def _meeting(known: Postings, demand: Demand, text: bytes) -> int:
    found = 0
    for needles in demand.alternatives:
        mask = (1 << len(known.traces)) - 1
        for needle in needles:
            mask &= _holding(known, needle.lower() if demand.fold else needle, text)
            if not mask:
                break
        found |= mask
    return found


def _holding(known: Postings, needle: bytes, text: bytes) -> int:
    """Return the traces with a word that a needle is in: all of them if it is many."""
    mask, enough = 0, len(known.traces) // index.SPREAD
    place, counted = -1, 0
    at = text.find(needle)
    while at >= 0:
        place += text.count(END, counted, at + 1)
        counted = at + 1
        mask |= known.mask(place)
        if mask.bit_count() > enough:
            return (1 << len(known.traces)) - 1
        at = text.find(needle, text.find(END, counted))
    return mask
