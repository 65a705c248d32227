"""Which runs are alive: heartbeats of writing processes, and what happens when they stop."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from datetime import UTC, datetime

from pegboard.errors import StoreError
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_tracking.tables.rows import delete_tag, set_tag

LOST_TAG = "pegboard.lost.last_seen"
"""On a LOST run: when its process was last seen alive (ISO 8601, UTC)."""

CLIENT = "client:"
"""What the ids of writers begin with that are clients of a server."""

_LOOK_EVERY_SECONDS = 1.0


class Liveness:
    """Keeps the heartbeats of writers, and declares runs LOST whose writer fell silent.

    The time a writer was seen is kept as a negative number once it is declared dead.
    """

    def __init__(self, database: Database, lost_after_seconds: float) -> None:
        """A writer is silent when its last heartbeat is ``lost_after_seconds`` old."""
        self._database = database
        self._lost_after_ms = int(lost_after_seconds * 1000)
        self._looked = 0.0
        self._opened = time.monotonic()

    def is_silent(self, seen: int) -> bool:
        """Whether a writer last seen at that time (ms) is presumed dead."""
        return abs(seen) < now_ms() - self._lost_after_ms

    def beat(self, writer: str) -> None:
        """Note that a writer is alive; its runs that were taken for lost are open again."""
        with self._database.writing() as connection:
            found = connection.execute("SELECT seen FROM writer WHERE id = ?", (writer,)).fetchone()
            connection.execute(
                "INSERT INTO writer (id, host, pid, seen) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
                (writer, socket.gethostname(), os.getpid(), now_ms()),
            )
            if found is None or found[0] > 0:
                # Not declared dead since: it has no lost runs, which no index would find.
                return
            lost = connection.execute(
                "SELECT id FROM run WHERE writer = ? AND status = 'LOST'", (writer,)
            ).fetchall()
            for (run,) in lost:
                self.reopen(connection, run)

    def attach(self, writer: str, run_id: str) -> None:
        """Let a run live and die with a writer."""
        with self._database.writing() as connection:
            connection.execute("UPDATE run SET writer = ? WHERE run_id = ?", (writer, run_id))

    def detach(self, writer: str, run_id: str) -> None:
        """Undo ``attach``."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE run SET writer = NULL WHERE run_id = ? AND writer = ?", (run_id, writer)
            )

    def leave(self, writer: str) -> None:
        """Forget a writer that ends in order; runs it still keeps are lost in due time."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM writer WHERE id = ?1 AND seen > 0 AND NOT EXISTS"
                " (SELECT 1 FROM run WHERE run.writer = ?1 AND status = 'RUNNING')",
                (writer,),
            )

    def look(self) -> None:
        """Declare runs LOST whose writer is silent; looks at most once a second."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_SECONDS:
            return
        self._looked = now
        # While the server was down its clients could not be heard.
        hears_clients = (now - self._opened) * 1000 > self._lost_after_ms
        with self._database.reading() as connection:
            silent = connection.execute(
                "SELECT id FROM writer WHERE abs(seen) < ? AND (? OR id NOT LIKE ?) AND EXISTS"
                " (SELECT 1 FROM run WHERE run.writer = writer.id AND status = 'RUNNING')",
                (now_ms() - self._lost_after_ms, hears_clients, f"{CLIENT}%"),
            ).fetchall()
        try:
            for (writer,) in silent:
                self.declare_dead(writer, only_if_silent=True)
        except StoreError:
            # Somebody who can write will do it.
            return

    def declare_dead(self, writer: str, *, only_if_silent: bool = False) -> None:
        """Mark a writer's running runs as LOST, with the time it was last seen."""
        with self._database.writing() as connection:
            found = connection.execute("SELECT seen FROM writer WHERE id = ?", (writer,)).fetchone()
            if found is None or (only_if_silent and not self.is_silent(found[0])):
                return
            seen = abs(found[0])
            text = datetime.fromtimestamp(seen / 1000, UTC).isoformat(timespec="seconds")
            running = connection.execute(
                "SELECT id, experiment FROM run WHERE writer = ? AND status = 'RUNNING'", (writer,)
            ).fetchall()
            for run, experiment in running:
                connection.execute(
                    "UPDATE run SET status = 'LOST', end_time = ? WHERE id = ?", (seen, run)
                )
                set_tag(connection, run, experiment, LOST_TAG, text)
            connection.execute("UPDATE writer SET seen = ? WHERE id = ?", (-seen, writer))

    @staticmethod
    def reopen(connection: sqlite3.Connection, run: int) -> None:
        """Make a LOST run RUNNING again."""
        connection.execute(
            "UPDATE run SET status = 'RUNNING', end_time = NULL WHERE id = ?", (run,)
        )
        delete_tag(connection, run, LOST_TAG)
