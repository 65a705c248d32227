"""The writer: from a logging call to the journal, and a thread that moves it on."""

from __future__ import annotations

import itertools
import logging
import os
import struct
import threading
import weakref
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pegboard.contracts.tracking import MetricWriter
from pegboard.entities import Metric
from pegboard.errors import PegboardError, StoreError, StoreGone, translate_os_error
from pegboard_stores import names, validation
from pegboard_stores.abilities import SpanJournal

from pegboard_tracking.points import journal
from pegboard_tracking.points.journal import POINT, POINT_BODY, pack_head, pack_point

ROTATE_BYTES = 16 << 20
"""A journal longer than this is followed by a new one, so that none grows without end."""

_MOVE_EVERY_SECONDS = 1.0
_MANY_SPANS, _MOST_HELD = 1000, 5
"""With how many spans between two moves the next is put off, and how often in a row."""

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Where journals are moved to; each method takes the name of one."""

    @property
    def directory(self) -> Path:
        """Where the journals lie."""

    def one(self, name: str) -> None:
        """Move everything that a journal holds."""

    def is_damaged(self, name: str) -> bool:
        """Whether nothing more can be read from a journal."""

    def finish(self, name: str) -> None:
        """Move the rest of a journal that has no writer any more, and remove it."""


class Heartbeats(Protocol):
    """Receives which runs a writer keeps alive."""

    def beat(self, writer: str) -> None:
        """Note that a writer is alive."""

    def attach(self, writer: str, run_id: str) -> None:
        """Let a run live and die with a writer."""

    def detach(self, writer: str, run_id: str) -> None:
        """Undo ``attach``."""

    def leave(self, writer: str) -> None:
        """Forget a writer that ends in order."""


class JournalWriter(MetricWriter, SpanJournal):
    """Writes points to a journal of this process, and moves them into the store behind it."""

    quick = True

    def __init__(
        self,
        drain: Sink,
        liveness: Heartbeats,
        heartbeat_seconds: float,
        check: Callable[[str], None],
        version: Callable[[], object] = int,
    ) -> None:
        """``check`` raises if a run cannot be logged to; it is asked once per run.

        ``version`` returns what differs from before when others have changed the store.
        """
        self._drain = drain
        self._liveness = liveness
        self._heartbeat_seconds = heartbeat_seconds
        self._check = check
        self._version = version
        self.reset()

    def reset(self) -> None:
        """Start without a journal: at first, and in a child process, which needs its own."""
        self._lock = threading.RLock()
        self.id = names.new_run_id()
        self._journals: list[tuple[str, int]] = []
        self._attached: set[str] = set()
        self._checked: set[str] = set()
        self._verified = threading.local()
        self._forgotten = 0
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._closed = False
        self._count = 0
        self._trouble = ""
        self._spans = self._held = 0
        self._start_file(-1)

    def start_in_child(self) -> None:
        """Start without a journal in a forked child: those of the parent are the parent's.

        Their descriptors are closed: they would keep the locks of a parent that died.
        """
        for _, descriptor in self._journals:
            os.close(descriptor)
        self.reset()

    def _start_file(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = len(journal.MAGIC)
        self._numbers = itertools.count()
        self._series: dict[tuple[str, str], int] = {}
        self._groups: dict[tuple[str, tuple[str, ...]], tuple[int, struct.Struct]] = {}

    # -- logging -------------------------------------------------------------------------------

    def log(self, run_id: str, key: str, value: float, timestamp: int, step: int) -> None:
        """Append one point."""
        with self._lock:
            if self._size > ROTATE_BYTES:
                self._new_file()
            series = self._series.get((run_id, key))
            if series is None:
                series = self._introduce(run_id, key)
            try:
                body = pack_point(POINT, series, step, timestamp, value)
            except struct.error:
                body = pack_point(
                    POINT,
                    series,
                    validation.integer(key, step, "step"),
                    validation.integer(key, timestamp, "timestamp"),
                    validation.number(key, value),
                )
            self._append(pack_head(POINT_BODY, zlib.crc32(body)) + body)

    def log_many(self, run_id: str, values: Mapping[str, float], timestamp: int, step: int) -> None:
        """Append one point per key."""
        if not values:
            return
        with self._lock:
            if self._size > ROTATE_BYTES:
                self._new_file()
            found = self._groups.get((run_id, tuple(values)))
            if found is None:
                found = self._introduce_group(run_id, tuple(values))
            group, row = found
            try:
                body = row.pack(journal.ROW, group, step, timestamp, *values.values())
            except struct.error:
                key = next(iter(values))
                body = row.pack(
                    journal.ROW,
                    group,
                    validation.integer(key, step, "step"),
                    validation.integer(key, timestamp, "timestamp"),
                    *(validation.number(key, value) for key, value in values.items()),
                )
            self._append(journal.record(body))

    def log_points(self, run_id: str, points: Sequence[Metric]) -> None:
        """Append points of any keys, times and steps; all or none is kept."""
        with self._lock:
            if self._size > ROTATE_BYTES:
                self._new_file()
            try:
                body = journal.batch_body(self._columns(run_id, points))
            except (struct.error, TypeError):
                # Numbers of other libraries, or something that is not a number.
                points = [validation.metric(point) for point in points]
                body = journal.batch_body(self._columns(run_id, points))
            self._append(journal.record(body))

    def log_spans(self, content: bytes) -> None:
        """Append spans and outlines of traces, in one write."""
        record = journal.record(journal.spans_body(content))
        with self._lock:
            if self._closed:
                raise StoreError("The tracking store was closed; nothing can be logged to it.")
            if self._descriptor < 0 or self._size > ROTATE_BYTES:
                self._new_file()
            self._append(record)
            self._spans += 1

    def _columns(
        self, run_id: str, points: Sequence[Metric]
    ) -> dict[int, list[tuple[int, int, float]]]:
        """Sort points by series; a new one is introduced, and its key checked."""
        known, columns = self._series, dict[int, list[tuple[int, int, float]]]()
        for point in points:
            key = point.key
            series = known.get((run_id, key))
            if series is None:
                series = self._introduce(run_id, key)
                known = self._series
            row = (point.step, point.timestamp, point.value)
            if series in columns:
                columns[series].append(row)
            else:
                columns[series] = [row]
        return columns

    def _append(self, data: bytes) -> None:
        try:
            written = os.write(self._descriptor, data)
        except OSError as error:
            raise translate_os_error(error, self._drain.directory) from error
        if written != len(data):
            # The disk filled up amid the record: take back its first part.
            os.ftruncate(self._descriptor, self._size)
            raise translate_os_error(OSError(28, ""), self._drain.directory)
        self._size += written

    def _introduce(self, run_id: str, key: str) -> int:
        self._prepare(run_id)
        validation.key(key, "metric")
        series = next(self._numbers)
        self._append(journal.record(journal.series_body(series, run_id, key)))
        self._series[run_id, key] = series
        return series

    def _introduce_group(self, run_id: str, keys: tuple[str, ...]) -> tuple[int, struct.Struct]:
        series = []
        for key in keys:
            number = self._series.get((run_id, key))
            series.append(self._introduce(run_id, key) if number is None else number)
        group = next(self._numbers)
        self._append(journal.record(journal.group_body(group, series)))
        introduced = (group, journal.row_struct(len(keys)))
        self._groups[run_id, keys] = introduced
        return introduced

    def _prepare(self, run_id: str) -> None:
        """Make sure that the run can be logged to, and that there is a journal."""
        if self._closed:
            raise StoreError("The tracking store was closed; nothing can be logged to it.")
        if run_id not in self._checked:
            self._check(run_id)
            self._checked.add(run_id)
        if self._descriptor < 0:
            self._new_file()

    def _new_file(self) -> None:
        name = self._file_name(self._count)
        try:
            descriptor = journal.create(self._drain.directory, name)
        except OSError as error:
            raise translate_os_error(error, self._drain.directory) from error
        self._count += 1
        self._journals.append((name, descriptor))
        self._start_file(descriptor)
        if self._thread is None:
            self._thread = threading.Thread(
                target=_run,
                args=(weakref.ref(self), self._stop, self._heartbeat_seconds),
                name="pegboard-journal",
                daemon=True,
            )
            self._thread.start()

    def _file_name(self, number: int) -> str:
        """Return the name of this writer's journal of that number, which begins with its id."""
        return f"{self.id}-{number:08}"

    # -- runs that are kept alive --------------------------------------------------------------

    def attach(self, run_id: str) -> None:
        """Keep this run alive until ``detach``."""
        with self._lock:
            self._prepare(run_id)
            if not self._attached:
                self._liveness.beat(self.id)
            self._attached.add(run_id)
            self._liveness.attach(self.id, run_id)

    def detach(self, run_id: str) -> None:
        """Stop keeping this run alive."""
        with self._lock:
            if run_id in self._attached:
                self._attached.discard(run_id)
                self._liveness.detach(self.id, run_id)

    def verify(self, run_id: str) -> None:
        """Notice if others deleted a run since it was last logged to."""
        # Each thread has its own connection, and so sees its own version.
        mine, version = self._verified, (self._forgotten, self._version())
        if getattr(mine, "version", None) != version:
            mine.version, mine.runs = version, set()
        if run_id not in mine.runs:
            try:
                self._check(run_id)
            except PegboardError:
                self.forget(run_id)
                raise
            mine.runs.add(run_id)

    def forget(self, run_id: str | None = None) -> None:
        """Ask anew whether a run, or any, can be logged to: it was deleted, for instance."""
        with self._lock:
            self._forgotten += 1
            gone = {run_id} if run_id is not None else set(self._checked)
            self._checked -= gone
            self._series = {key: n for key, n in self._series.items() if key[0] not in gone}
            self._groups = {key: n for key, n in self._groups.items() if key[0] not in gone}

    def beat(self) -> None:
        """Give a sign of life for the attached runs, if the store can take it just now."""
        if self._attached:
            try:
                self._liveness.beat(self.id)
            except PegboardError as error:
                logger.warning("No sign of life could be given: %s", error)

    # -- moving on -----------------------------------------------------------------------------

    def flush(self) -> None:
        """Move everything logged so far into the tables; remove journals that are finished."""
        with self._lock:
            journals = list(self._journals)
        for name, descriptor in journals:
            self._drain.one(name)
            with self._lock:
                if descriptor == self._descriptor:
                    if not self._drain.is_damaged(name):
                        continue
                    self._new_file()
                if (name, descriptor) not in self._journals:
                    # Another thread finishes it.
                    continue
                self._journals.remove((name, descriptor))
            self._drain.finish(name)
            os.close(descriptor)

    def is_busy(self) -> bool:
        """Whether spans come so fast that moving them now would slow down who makes them.

        Asked once before each move; after some in a row it is time to move them anyway.
        """
        busy, self._spans = self._spans > _MANY_SPANS, 0
        self._held = self._held + 1 if busy else 0
        if self._held == _MOST_HELD:
            self._held = 0
        return self._held > 0

    def move(self) -> None:
        """Flush from the background: what cannot be moved stays, and is tried again."""
        try:
            self.flush()
        except StoreGone:
            # The journal is gone too: the next call to log asks for the run, and fails.
            self.forget()
            with self._lock:
                self._start_file(-1)
        except PegboardError as error:
            if str(error) != self._trouble:
                logger.warning("Logged metrics wait in the journal: %s", error)
            self._trouble = str(error)
        else:
            self._trouble = ""

    def close(self) -> None:
        """Flush and remove the journal; further calls are an error."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._stop.set()
            thread, self._thread = self._thread, None
            self._start_file(-1)
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        if self._count:
            self.flush()
            self._liveness.leave(self.id)


def _run(
    writer: weakref.ref[JournalWriter], stop: threading.Event, heartbeat_seconds: float
) -> None:
    """Move points every second and beat; end when the writer is closed or gone."""
    pause = min(_MOVE_EVERY_SECONDS, heartbeat_seconds)
    since_beat = 0.0
    while not stop.wait(pause):
        alive = writer()
        if alive is None:
            return
        since_beat += pause
        if since_beat >= heartbeat_seconds:
            since_beat = 0.0
            alive.beat()
        if not alive.is_busy():
            alive.move()
        del alive
