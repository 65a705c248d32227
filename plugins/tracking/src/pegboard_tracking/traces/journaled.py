"""Traces on their way from the journals into the tables."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence

from pegboard.errors import StoreError
from pegboard_stores.sqlite import Database
from pegboard_stores.traces import records
from pegboard_stores.traces.records import Records

from pegboard_tracking.traces import arrivals, index
from pegboard_tracking.traces.store import Traces

logger = logging.getLogger(__name__)


class JournaledTraces:
    """Writes what journals hold of traces, as a part of the transaction that moves it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._traces = Traces(database)
        self._is_due = False

    def keep(self, connection: sqlite3.Connection, contents: Sequence[bytes]) -> None:
        """Write what records of spans hold.

        A trace that cannot be kept, as its experiment was deleted meanwhile, is left out with a
        warning: it must not hold up the others.
        """

        def find(name: str) -> str:
            known = connection.execute("SELECT id FROM experiment WHERE name = ?", (name,))
            # The default one, if it was deleted meanwhile.
            return str((known.fetchone() or (0,))[0])

        for experiment_id, found in records.read(contents, find).items():
            if self._keep(connection, experiment_id, found) is None:
                continue
            for trace_id in found.trace_ids():
                error = self._keep(connection, experiment_id, found.of_trace(trace_id))
                if error is not None:
                    logger.warning("The trace %s could not be kept: %s", trace_id, error)

    def _keep(
        self, connection: sqlite3.Connection, experiment_id: str, found: Records
    ) -> Exception | None:
        """Write all of it, or nothing and return why."""
        connection.execute("SAVEPOINT journaled")
        try:
            last = index.admit(connection)
            rest = arrivals.add(connection, experiment_id, found, last)
            if rest.spans:
                self._traces.add_spans(experiment_id, list(rest.spans.values()))
            if index.is_due(connection, last):
                self._is_due = True
            for info in rest.infos.values():
                self._traces.start(info)
            for trace_id, note in found.notes.items():
                self._traces.note(experiment_id, trace_id, note)
        except (StoreError, sqlite3.Error):
            # Not the trace's fault: it is tried again.
            raise
        except Exception as error:
            connection.execute("ROLLBACK TO journaled")
            return error
        finally:
            connection.execute("RELEASE journaled")
        return None

    def settle(self) -> None:
        """Index what was kept, if that is due, after the transaction."""
        if self._is_due:
            self._is_due = False
            index.extend(self._database)
