"""The index of the words in spans, by which traces are found by their text.

It consists of *segments*. Each covers the spans whose rows are in a range, and holds their words
and, for each word, the traces that have it. Segments are added when SPANS spans are in none, and
not changed when spans are added or changed: a changed span gets a new row, and rows that follow the
last segment are read one by one. It does no harm if the index finds too much, as results are
checked again; what would make it say too little is undone in ``admit``.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import zlib
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, repeat
from typing import TypeAlias

from attrs import frozen
from pegboard_stores.sqlite import Database

from pegboard_tracking.traces.words import END, words_of

SPANS = 4096
"""How many spans a segment covers at most."""

BYTES = 4 << 20
"""How many bytes of content, compressed, a segment covers at most, but for the last span's."""

SPREAD = 8
"""If a word is in more than one in this many traces, the index does not list them."""

_STEP = 512
_SAMPLE = 64
_building = threading.Lock()
_Row: TypeAlias = tuple[int, int, str, bytes]


@frozen
class Postings:
    """Which traces of a segment have which of its words, by the place that a word has there.

    First come words that many traces have, then those of several, then those of one, whose number
    in ``traces`` is in ``singles``. For the others ``lists`` has the traces: the bytes between two
    of ``starts`` are a bitmap if they are ``width`` bytes, else numbers; none stand for all traces.
    """

    traces: array[int]
    singles: array[int]
    starts: array[int]
    lists: bytes

    @property
    def width(self) -> int:
        """How many bytes a bitmap of the traces has."""
        return -(-len(self.traces) // 8)

    def mask(self, place: int) -> int:
        """Return the traces that have a word, as bits."""
        shared = len(self.starts) - 1
        if place >= shared:
            return 1 << self.singles[place - shared]
        found = self.lists[self.starts[place] : self.starts[place + 1]]
        if not found:
            return (1 << len(self.traces)) - 1
        if len(found) == self.width:
            return int.from_bytes(found, "little")
        mask = 0
        for number in array("H", found):
            mask |= 1 << number
        return mask

    def rows(self, mask: int) -> list[int]:
        """Return the rows of the traces whose bits are set."""
        return [row for row, bit in zip(self.traces, f"{mask:b}"[::-1], strict=False) if bit == "1"]


# -- adding ----------------------------------------------------------------------------------------


def admit(connection: sqlite3.Connection) -> int:
    """Make sure that a new span comes behind all segments; return the row of the last span.

    Rows at the end that were removed are given out again.
    """
    (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM span").fetchone()
    if _covered(connection) > newest:
        connection.execute("DELETE FROM span_segment WHERE first > ?", (newest,))
        connection.execute("UPDATE span_segment SET last = ? WHERE last > ?", (newest, newest))
    return int(newest)


def _covered(connection: sqlite3.Connection) -> int:
    """Return the row of the last span in a segment."""
    found = connection.execute("SELECT last FROM span_segment ORDER BY first DESC LIMIT 1")
    return int((found.fetchone() or (0,))[0])


def is_due(connection: sqlite3.Connection, before: int) -> bool:
    """Whether enough spans for a segment are in none; asked when some came behind ``before``."""
    (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM span").fetchone()
    if newest // _STEP == before // _STEP:
        return False
    covered = _covered(connection)
    if newest - covered >= SPANS:
        return True
    (size,) = connection.execute(
        "SELECT coalesce(sum(length(content)), 0) FROM span WHERE id > ?", (covered,)
    ).fetchone()
    return bool(size >= BYTES)


def extend(database: Database) -> None:
    """Add segments for spans that are in none, unless another thread is at it.

    Others may write while words are collected.
    """
    if not _building.acquire(blocking=False):
        return
    try:
        while True:
            with database.reading() as connection:
                base = _covered(connection)
                spans = _next(connection, base)
                version = _version(connection)
            if not spans:
                return
            words, postings = _segment(spans)
            with database.writing() as connection:
                # The version tells whether others changed anything.
                if _version(connection) != version and not _is_still_so(connection, base, spans):
                    return
                _insert(connection, spans[0][0], spans[-1][0], words, postings)
    finally:
        _building.release()


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def build(connection: sqlite3.Connection) -> None:
    """Add the segments for all spans that are in none, but for the last few spans."""
    while spans := _next(connection, _covered(connection)):
        _insert(connection, spans[0][0], spans[-1][0], *_segment(spans))


def _next(connection: sqlite3.Connection, base: int) -> list[_Row]:
    """Return the spans of the next segment: row, trace, id, content. None if they are too few."""
    spans, size = [], 0
    for span in connection.execute(
        "SELECT id, trace, span_id, content FROM span WHERE id > ? ORDER BY id LIMIT ?",
        (base, SPANS),
    ):
        spans.append(span)
        size += len(span[3])
        if size >= BYTES:
            return spans
    return spans if len(spans) == SPANS else []


def _is_still_so(connection: sqlite3.Connection, base: int, spans: Sequence[_Row]) -> bool:
    """Whether no segment was added meanwhile, and no row given to another span."""
    if _covered(connection) != base:
        return False
    now = connection.execute(
        "SELECT id, trace, span_id FROM span WHERE id > ? AND id <= ?", (base, spans[-1][0])
    )
    return {span[:3] for span in spans}.issuperset(now)


def _segment(spans: Sequence[_Row]) -> tuple[bytes, Postings]:
    texts: dict[int, set[bytes]] = {}
    for _, trace, _, content in spans:
        # Spans of a trace repeat what others say: between two quotes, to the letter.
        texts.setdefault(trace, set()).update(zlib.decompress(content).split(b'"'))
    said = _common(list(texts.values()))
    found = [words_of(own - said) for own in texts.values()]
    common = _common(found) | words_of(said)
    known: set[bytes] = set()
    first: dict[bytes, int] = {}
    # Bytes, unlike lists, are nothing that garbage collection looks through.
    shared: defaultdict[bytes, bytes] = defaultdict(bytes)
    for number, own in enumerate(found):
        own -= common
        new = own - known
        known |= new
        first |= dict.fromkeys(new, number)
        code = _code(number)
        for word in own - new:
            shared[word] += code
    width = -(-len(texts) // 8)
    lists = [_posting(_code(first.pop(word)) + more, width) for word, more in shared.items()]
    ends = accumulate(map(len, lists), initial=0)
    return END.join([b"", *common, *shared, *first, b""]), Postings(
        array("q", texts),
        array("H", first.values()),
        array("I", [*repeat(0, len(common)), *ends]),
        b"".join(lists),
    )


def _common(found: Sequence[set[bytes]]) -> set[bytes]:
    """Return texts or words of so many traces that the index does not list them."""
    some = found[:: max(len(found) // _SAMPLE, 1)]
    counted = Counter(chain.from_iterable(some))
    return {word for word, count in counted.items() if SPREAD * count > len(some) >= _SAMPLE}


def _code(number: int) -> bytes:
    return number.to_bytes(2, sys.byteorder)


def _posting(numbers: bytes, width: int) -> bytes:
    if len(numbers) < width:
        return numbers
    bits = bytearray(width)
    for number in array("H", numbers):
        bits[number >> 3] |= 1 << (number & 7)
    return bytes(bits)


def _insert(
    connection: sqlite3.Connection, first: int, last: int, words: bytes, postings: Postings
) -> None:
    connection.execute("INSERT INTO span_segment VALUES (?, ?, ?)", (first, last, words))
    arrays = (postings.traces, postings.singles, postings.starts)
    connection.execute(
        "INSERT INTO span_posting (segment, traces, singles, starts, lists) VALUES (?, ?, ?, ?, ?)",
        (first, *(each.tobytes() for each in arrays), postings.lists),
    )


# -- reading ---------------------------------------------------------------------------------------


def ranges(connection: sqlite3.Connection) -> list[tuple[int, int]]:
    """Return the first and the last row that each segment covers, in order."""
    found = connection.execute("SELECT first, last FROM span_segment ORDER BY first")
    return found.fetchall()


def all_words(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Yield the words of all segments, the last one's first."""
    for (found,) in connection.execute("SELECT words FROM span_segment ORDER BY first DESC"):
        yield found


def words(connection: sqlite3.Connection, first: int) -> bytes:
    """Return the words of a segment."""
    found = connection.execute("SELECT words FROM span_segment WHERE first = ?", (first,))
    return bytes(found.fetchone()[0])


def postings(connection: sqlite3.Connection, first: int) -> Postings:
    """Return which traces have the words of a segment."""
    traces, singles, starts, lists = connection.execute(
        "SELECT traces, singles, starts, lists FROM span_posting WHERE segment = ?", (first,)
    ).fetchone()
    return Postings(array("q", traces), array("H", singles), array("I", starts), lists)


# -- removing --------------------------------------------------------------------------------------


def remove(connection: sqlite3.Connection, select: str, values: Sequence[object]) -> int:
    """Remove the traces whose rows a SELECT finds, and their words; return how many there were."""
    rows = json.dumps([row for (row,) in connection.execute(select, values)])
    indexed = _segments_of(connection, rows)
    chosen = "SELECT value FROM json_each(?)"
    removed = connection.execute(f"DELETE FROM trace WHERE id IN ({chosen})", (rows,))  # noqa: S608
    _forget(connection, indexed)
    return removed.rowcount


def _segments_of(connection: sqlite3.Connection, rows: str) -> dict[int, set[int]]:
    """Return the segments that traces are in, whose rows are a JSON array, with these traces."""
    known = ranges(connection)
    found: dict[int, set[int]] = {}
    for span, trace in connection.execute(
        "SELECT id, trace FROM span WHERE trace IN (SELECT value FROM json_each(?))", (rows,)
    ):
        place = bisect_right(known, span, key=_first) - 1
        if place >= 0 and span <= known[place][1]:
            found.setdefault(known[place][0], set()).add(trace)
    return found


def _first(covered: tuple[int, int]) -> int:
    return covered[0]


def _forget(connection: sqlite3.Connection, removed: dict[int, set[int]]) -> None:
    """Take from each segment what only traces have that are removed now."""
    for first, traces in removed.items():
        known = postings(connection, first)
        alive = 0
        for number, row in enumerate(known.traces):
            if row in traces:
                known.traces[number] = 0
            alive |= bool(known.traces[number]) << number
        if alive:
            left = END.join([b"", *_left(words(connection, first), known, alive), b""])
            connection.execute("UPDATE span_segment SET words = ? WHERE first = ?", (left, first))
            connection.execute(
                "UPDATE span_posting SET traces = ? WHERE segment = ?",
                (known.traces.tobytes(), first),
            )
        else:
            connection.execute("DELETE FROM span_segment WHERE first = ?", (first,))


def _left(kept: bytes, known: Postings, alive: int) -> Iterator[bytes]:
    """Yield the words, empty where no trace that is left has it."""
    for place, word in enumerate(kept.split(END)[1:-1]):
        yield word if known.mask(place) & alive else b""
