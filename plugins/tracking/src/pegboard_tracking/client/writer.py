"""The writer for a server: a journal in front, which outlives outages and this process."""

from __future__ import annotations

import itertools
import logging
import os
import random
import threading
import time
from collections.abc import Callable
from functools import partial

from pegboard.errors import StoreError
from pegboard_wire.client.connection import Connection
from pegboard_wire.client.errors import Unreachable

from pegboard_tracking.client import adoption, marks, places, sender
from pegboard_tracking.client.heartbeats import TICK_SECONDS, Heartbeats
from pegboard_tracking.client.messages import Message
from pegboard_tracking.client.outbox import Outbox
from pegboard_tracking.points import journal
from pegboard_tracking.points.journal_writer import JournalWriter
from pegboard_tracking.settings import Settings

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_ADOPT_EVERY_SECONDS = 10.0

logger = logging.getLogger(__name__)


class RestWriter(JournalWriter):
    """Writes to a journal of this process, and sends it to a server from the background.

    While the server is out of reach everything stays in the journal. What waits there when the
    process ends is sent by the next one (``adoption``), by the ``sender`` or by ``pegboard sync``.
    """

    quick = False

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        outbox: Outbox,
        heartbeats: Heartbeats,
        check: Callable[[str], None],
    ) -> None:
        """``check`` raises if a run cannot be logged to."""
        self._connection = connection
        self._outbox = outbox
        self._url = connection.server.url
        self._settings = settings
        self._wait_seconds = settings.journal_wait_seconds
        self._mark = ""
        self._is_forked = False
        super().__init__(outbox, heartbeats, TICK_SECONDS, check)

    def reset(self) -> None:
        """Start without a journal: at first, and in a child process, which needs its own."""
        super().reset()
        self._pause = _FIRST_PAUSE
        self._try_again_at = 0.0
        self._deferred = self._made = 0
        self.is_cut_off = False
        """Whether the server could not be reached the last time."""
        self._gave_up = False
        self._threads = itertools.count()
        self._thread_local = threading.local()
        self._adopt_at = 0.0

    def start_in_child(self) -> None:
        """Start without a journal in a forked child, whose parent sends what it leaves."""
        super().start_in_child()
        self._is_forked = True

    def _new_file(self) -> None:
        places.prepare(self._outbox.directory, self._url)
        mark = self._own_mark()
        is_first = not self._count
        super()._new_file()
        if is_first:
            sender.start(self._connection, self._settings, self._outbox.directory, mark)

    def _file_name(self, number: int) -> str:
        return marks.name(self.id, self._own_mark(), number)

    def _own_mark(self) -> str:
        self._mark = self._mark or marks.mark_of(self._connection.options)
        return self._mark

    def _others(self) -> list[str]:
        """Return the names of the journals that other processes here wrote as the same caller."""
        directory = self._outbox.directory
        if not journal.names(directory):
            return []
        found = marks.names(directory, self._own_mark())
        return [name for name in found if not name.startswith(self.id)]

    def next_batch(self) -> str:
        """Return what the server is to remember the next request of this thread by."""
        mine = self._thread_local
        if not hasattr(mine, "name"):
            # Numbers must arrive in their order, which is known only within a thread.
            mine.name, mine.numbers = f"{self.id}-t{next(self._threads)}", itertools.count()
        return f"{mine.name}:{next(mine.numbers)}"

    def defer(self, message: Message) -> None:
        """Keep a request in the journal, behind what was logged before, to be made later."""
        with self._lock:
            if self._closed:
                raise StoreError("The tracking store was closed; nothing can be logged to it.")
            if self._descriptor < 0:
                self._new_file()
            self._append(journal.record(journal.other_body(message.packed())))
            self._deferred += 1

    @property
    def has_deferred(self) -> bool:
        """Whether requests wait, which those that are made now must not overtake."""
        return self._made < self._deferred

    # -- sending -------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Send everything logged so far; Unreachable if the server cannot be reached."""
        before = self._deferred
        try:
            super().flush()
        except Unreachable:
            self.is_cut_off = True
            raise
        with self._lock:
            self._made = max(self._made, before)
        if self.is_cut_off or self._gave_up:
            logger.warning("The server %s is back; what waited was sent to it.", self._url)
        self.is_cut_off = self._gave_up = False
        self._pause = _FIRST_PAUSE

    def deliver_patiently(self) -> None:
        """Send everything logged so far, trying again as often as any other request does.

        If the server is known to be out of reach, one try has to do.
        """
        if self.is_cut_off:
            self.deliver()
            return
        with self._outbox.patience():
            self.deliver()

    def move(self) -> None:
        """Send from the background, more and more rarely while the server is out of reach."""
        if time.monotonic() < self._try_again_at:
            return
        known = self.is_cut_off
        try:
            self.deliver()
        except StoreError as error:
            if not known:
                self._warn(error)
            self.is_cut_off = True
            self._try_again_at = time.monotonic() + self._next_pause()
        else:
            self._adopt()

    def _adopt(self) -> None:
        """Send what ended processes left, now and then; where there is a sender, it does that."""
        if sender.is_used(self._settings) or time.monotonic() < self._adopt_at:
            return
        self._adopt_at = time.monotonic() + _ADOPT_EVERY_SECONDS
        try:
            adoption.adopt(self._outbox, self._others())
            adoption.sweep(self._outbox.directory)
        except StoreError as error:
            # It is not lost, and not what this process logged.
            logger.debug("What an ended process left was not sent: %s", error)

    def flush(self) -> None:
        """Send everything logged so far: readers of the server see it then.

        A server that is out of reach is waited for, but not for ever: then what is left stays in
        the journal for those that come later, and a warning says so.
        """
        self._insist(self.deliver)

    def settle(self, run_id: str) -> None:
        """Flush, and send what other processes of this machine have logged to a run so far."""
        self._insist(partial(self._deliver_with_others, run_id))

    def _deliver_with_others(self, run_id: str) -> None:
        self.deliver()
        if others := self._others():
            adoption.gather(self._outbox, others, run_id)

    def _insist(self, send: Callable[[], None]) -> None:
        """Send and, while the server is out of reach, try again for some time."""
        # A flush that waited in vain does not wait once more at the end of the process.
        deadline = time.monotonic() + (0.0 if self._gave_up else self._wait_seconds)
        known = self.is_cut_off
        while True:
            try:
                send()
            except Unreachable as error:
                if not known:
                    self._warn(error)
                    known = True
                left = deadline - time.monotonic()
                if left <= 0:
                    self._give_up()
                    return
                time.sleep(min(left, self._next_pause()))
            else:
                return

    def _next_pause(self) -> float:
        pause = self._pause * random.uniform(0.75, 1.25)  # noqa: S311
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return pause

    def _warn(self, error: StoreError) -> None:
        logger.warning(
            "%s Nothing is lost: what is logged waits in %s.",
            error.message,
            self._outbox.directory,
        )

    def _give_up(self) -> None:
        if not self._gave_up:
            logger.warning(
                "The server %s is still out of reach. What was logged is kept in %s; "
                "it is sent when the server is back, at the latest by 'pegboard sync'.",
                self._url,
                self._outbox.directory,
            )
        self._gave_up = True

    def close(self) -> None:
        """Flush and remove the journal, or leave it to others."""
        if self._is_forked:
            # Its parent waits, or the sender.
            self._wait_seconds = 0.0
        try:
            super().close()
            if self._count and not self._is_forked and not self.is_cut_off:
                self._adopt()
        finally:
            with self._lock:
                # Without its lock a journal may be taken up by others.
                while self._journals:
                    _, descriptor = self._journals.pop()
                    journal.unlock(descriptor)
                    os.close(descriptor)
